"""The amendments in their order, which the loop, plan mode and the page share.

First come the reasons to change a plan, then the guards, which only block. A reason sees what those before it changed
and froze.
"""

from typing import Final

from lifeline.reconciler.amend.amendment import Amendment
from lifeline.reconciler.amend.associations import AssociationRecord, CutRecord, Leftovers
from lifeline.reconciler.amend.awaited import Awaiting
from lifeline.reconciler.amend.backlog import Backlogs, Surveys
from lifeline.reconciler.amend.canary import CanaryWatch, CanaryWithdrawal
from lifeline.reconciler.amend.claims import Claims
from lifeline.reconciler.amend.conflicts import Conflicts, UnusablePolicies
from lifeline.reconciler.amend.denials import DeniedCalls
from lifeline.reconciler.amend.freezes import Freezes
from lifeline.reconciler.amend.gate import Gate
from lifeline.reconciler.amend.keeping import Keeping
from lifeline.reconciler.amend.let_in import LettingIn
from lifeline.reconciler.amend.removals import Removals
from lifeline.reconciler.amend.retirement import Releases, Retirements
from lifeline.reconciler.amend.teardown import Teardowns
from lifeline.reconciler.amend.unread import UnreadStates
from lifeline.reconciler.amend.urgency import Urgencies

REASONS: Final[tuple[Amendment, ...]] = (
    Retirements(),  # first: whatever else asks for a removal takes the place of one that merely isn't needed
    Teardowns(),  # takes the place of whatever is planned for what it deletes
    Claims(),  # after what goes anyway, so that nothing steps back that is deleted
    CanaryWithdrawal(),  # after claims: both switch private DNS off, and the freeze that holds for good must stay
    Leftovers(),  # after the canaries', whose harm ends an association first
    Removals(),  # once every reason has asked
    Conflicts(),  # last to change the plan: only now is it known what Lifeline itself removes, which nobody reverted
    Surveys(),  # changes no plan, but judges it with all that the reasons changed
    Awaiting(),  # after these: what it adds is nobody's change, and waits for no approval
    UnusablePolicies(),  # as awaiting
)

GUARDS: Final[tuple[Amendment, ...]] = (
    UnreadStates(),  # first: what it blocks needs no other reason
    Freezes(),  # after all that freezes, and before the limits: what is frozen is neither counted nor offered
    Releases(),  # as the freezes, but their words come first
    Backlogs(),  # as the freezes, whose words come first: who waits for approval takes nothing of the limits
    LettingIn(),  # as the freezes
    DeniedCalls(),  # before the limits, too: what AWS denies takes nothing of them
    Urgencies(),  # before the gate, which lets the urgent pass first
    Gate(),  # the last to block, so that it counts only what will be tried
    CutRecord(),  # changes no plan
    CanaryWatch(),  # after the gate: what it blocks isn't turned on
    AssociationRecord(),  # as the canaries' watch
    Keeping(),  # once it is clear what is to be kept
)

AMENDMENTS: Final[tuple[Amendment, ...]] = (*REASONS, *GUARDS)
