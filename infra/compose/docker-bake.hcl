# The images for amd64 and arm64: docker buildx bake --file infra/compose/docker-bake.hcl, from the top of the checkout.
# compose.yaml builds the same targets for the machine it runs on.
variable "VERSION" {
  default = "0.1.0"
}
variable "REVISION" {
  default = "unknown"
}
variable "SOURCE" {
  default = "unknown"
}
variable "REGISTRY" {
  default = ""
}

group "default" {
  targets = ["desk", "sample", "workspace", "toolbox", "tools", "keycloak"]
}

target "everywhere" {
  platforms = ["linux/amd64", "linux/arm64"]
}

target "ours" {
  inherits   = ["everywhere"]
  context    = "."
  dockerfile = "infra/compose/Dockerfile"
  args       = { REVISION = REVISION, SOURCE = SOURCE }
}

target "desk" {
  inherits = ["ours"]
  target   = "desk"
  tags     = ["${REGISTRY}gatelodge-desk:${VERSION}"]
}

target "sample" {
  inherits = ["ours"]
  target   = "sample"
  tags     = ["${REGISTRY}sample-deep-research-mcp:${VERSION}"]
}

target "workspace" {
  inherits = ["ours"]
  target   = "workspace"
  tags     = ["${REGISTRY}workspace-mcp:${VERSION}"]
}

target "toolbox" {
  inherits = ["ours"]
  target   = "toolbox"
  tags     = ["${REGISTRY}toolbox-mcp:${VERSION}"]
}

target "tools" {
  inherits = ["ours"]
  target   = "tools"
  tags     = ["${REGISTRY}gatelodge-tools:${VERSION}"]
}

target "keycloak" {
  inherits   = ["everywhere"]
  context    = "infra/compose"
  dockerfile = "keycloak.Dockerfile"
  tags       = ["${REGISTRY}gatelodge-keycloak:${VERSION}"]
}

# A server of one's own, in its folder: docker buildx bake --file .../docker-bake.hcl --set server.context=. server
target "server" {
  inherits = ["everywhere"]
  context  = "sample-deep-research-mcp"
  args     = { REVISION = REVISION, SOURCE = SOURCE }
  tags     = ["${REGISTRY}server:${VERSION}"]
}
