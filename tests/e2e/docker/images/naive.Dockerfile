# What our images are compared with (benchmarks/images.py), and no part of anything: the image that a first attempt
# makes. One stage, pip with its cache, no lock. PACKAGES with [ops,report] is "install it all".
ARG PYTHON=python:3.13-slim-trixie
FROM ${PYTHON}
ARG PACKAGES="/src/framework /src/sample-deep-research-mcp"
COPY framework /src/framework
COPY sample-deep-research-mcp /src/sample-deep-research-mcp
# An environment, because not every base lets pip install beside its own packages.
RUN python -m venv /app
RUN /app/bin/pip install ${PACKAGES}
ENV PATH=/app/bin:$PATH GATELODGE_BIND=0.0.0.0 GATELODGE_STATE_DIR=/tmp
CMD ["gatelodge", "serve", "sample:app"]
