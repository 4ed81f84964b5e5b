"""Why a send that is held to a plan is refused."""

from tasks.errors import CarillonError


class UnknownPlan(CarillonError):
    """No dry run is known by this plan hash."""

    code = "unknown_plan"
    status = 404


class PlanMoved(CarillonError):
    """Content or audience are not those of the plan any more. `content` and `audience` in `extra` say what moved."""

    code = "plan_moved"
    status = 409
