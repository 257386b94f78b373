"""Whether a grant of ours accounts for a task token: who stole a signing key cannot make one that a grant backs."""

from segue.task_token import TaskToken

from segue_authz.domain.grant import Standing


def accounts_for(standing: Standing, token: TaskToken) -> bool:
    """Whether the grant is one from which this server could have minted that token."""
    grant, authority = standing.grant, token.authority
    return (token.sub, token.client_id, token.device_id, token.jkt, authority.task_id, token.actors) == (
        grant.subject,
        grant.client_id,
        grant.device_id,
        grant.jkt,
        grant.task_id,
        grant.actors,
    ) and authority.actions <= grant.actions
