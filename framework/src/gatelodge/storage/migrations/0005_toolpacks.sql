-- What tool packs keep of their own: which Jira project a Slack channel's issues go to, for each workspace.
-- "site" is Jira's cloud id, "set_by" the subject of who set it; times are in seconds since the epoch.
CREATE TABLE slack_channel_projects (
    tenant TEXT NOT NULL,
    workspace TEXT NOT NULL,
    channel TEXT NOT NULL,
    project TEXT NOT NULL,
    site TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (tenant, workspace, channel)
);
