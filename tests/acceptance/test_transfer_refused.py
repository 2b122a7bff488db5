"""A transfer that cannot be is refused in the page's words, changes nothing, and can be retried."""

from .actors import Agent, Caller, Callers, Desk, Phone
from .expect import bridge_failed, missing, owned, wrong_state
from .test_transfer import consulted
from .wait import wait_for

INBOUND = bridge_failed("Cannot transfer to an inbound call.")
DESTINATION_GONE = bridge_failed("Destination hung up before process could complete")
BAD_DESTINATION = bridge_failed("Bad destination")
SOURCE_GONE = bridge_failed("Call on hold hung up")
NOT_ON_HOLD = bridge_failed("Call is not on hold")


def parked(a_caller: Callers, agent: Agent) -> Caller:
    caller = a_caller.waits()
    agent.picks_up(caller)
    agent.parks()
    return caller


def test_the_current_call_is_inbound(a_caller: Callers, anna: Agent):
    source, current = parked(a_caller, anna), a_caller.waits()
    anna.picks_up(current)
    anna.is_refused(INBOUND, "transfer", source)


def test_after_that_a_retry_to_an_outbound_call_works(
    a_caller: Callers, anna: Agent, outside: Phone
):
    source, current = parked(a_caller, anna), a_caller.waits()
    anna.picks_up(current)
    anna.is_refused(INBOUND, "transfer", source)
    anna.hangs_up()
    anna.calls_the_outside(outside)
    anna.transfers(source)


def test_the_destination_is_gone(a_caller: Callers, anna: Agent, outside: Phone, desk: Desk):
    source, call = consulted(a_caller, anna, outside)
    outside.hangs_up()
    desk.sees(call, "hungup")
    desk.sees(source, "parked")
    wait_for(lambda: call["id"] in desk.channels(), False, promise="its channels are gone")
    anna.is_refused(DESTINATION_GONE, "transfer", source)


def test_after_that_a_retry_to_the_next_destination_works(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    source, call = consulted(a_caller, anna, outside)
    outside.hangs_up()
    desk.sees(call, "hungup")
    DESTINATION_GONE.check(anna.asks("transfer", source))
    outside.is_quiet()
    anna.calls_the_outside(outside)
    anna.transfers(source)


def test_the_destination_has_not_answered_yet(a_caller: Callers, anna: Agent, outside: Phone):
    source = parked(a_caller, anna)
    outside.stays_silent()
    anna.dials("1142")
    outside.rings()
    anna.is_refused(BAD_DESTINATION, "transfer", source)


def test_after_that_a_retry_once_it_answered_works(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    source = parked(a_caller, anna)
    outside.answers_after_ringing(0.5)
    call = anna.dials("1142")
    BAD_DESTINATION.check(anna.asks("transfer", source))
    desk.sees(call, "speaking")
    anna.transfers(source)


def test_there_is_no_current_call(a_caller: Callers, anna: Agent):
    source = parked(a_caller, anna)
    anna.is_refused(BAD_DESTINATION, "transfer", source)


def test_after_that_a_retry_with_a_current_call_works(
    a_caller: Callers, anna: Agent, outside: Phone
):
    source = parked(a_caller, anna)
    anna.is_refused(BAD_DESTINATION, "transfer", source)
    anna.calls_the_outside(outside)
    anna.transfers(source)


def test_it_is_the_same_call_twice(anna: Agent, outside: Phone):
    call = anna.calls_the_outside(outside)
    anna.is_refused(BAD_DESTINATION, "transfer", call)


def test_after_that_a_retry_with_the_parked_call_works(
    a_caller: Callers, anna: Agent, outside: Phone
):
    source, call = consulted(a_caller, anna, outside)
    anna.is_refused(BAD_DESTINATION, "transfer", call)
    anna.transfers(source)


def test_the_source_is_gone(a_caller: Callers, anna: Agent, outside: Phone, desk: Desk):
    source, call = consulted(a_caller, anna, outside)
    source.hangs_up()
    desk.sees(source, "hungup")
    anna.is_refused(SOURCE_GONE, "transfer", source)
    anna.speaks_with(call)


def test_after_that_the_next_caller_can_be_transferred(
    a_caller: Callers, anna: Agent, outside: Phone, desk: Desk
):
    source, call = consulted(a_caller, anna, outside)
    source.hangs_up()
    desk.sees(source, "hungup")
    SOURCE_GONE.check(anna.asks("transfer", source))
    anna.parks()
    second = a_caller.waits()
    anna.picks_up(second)
    anna.parks()
    anna.unparks(call)
    anna.transfers(second)


def test_the_source_is_not_parked(a_caller: Callers, anna: Agent, outside: Phone):
    anna.calls_the_outside(outside)
    queued = a_caller.waits()
    anna.is_refused(NOT_ON_HOLD, "transfer", queued)


def test_after_that_a_retry_with_it_parked_works(a_caller: Callers, anna: Agent, outside: Phone):
    call = anna.calls_the_outside(outside)
    queued = a_caller.waits()
    NOT_ON_HOLD.check(anna.asks("transfer", queued))
    anna.parks()
    anna.picks_up(queued)
    anna.parks()
    anna.unparks(call)
    anna.transfers(queued)


def test_the_source_is_another_agents(a_caller: Callers, anna: Agent, bente: Agent, outside: Phone):
    hers = parked(a_caller, bente)
    anna.calls_the_outside(outside)
    anna.is_refused(owned(hers, by=bente), "transfer", hers)


def test_after_that_a_retry_with_her_own_works(
    a_caller: Callers, anna: Agent, bente: Agent, outside: Phone
):
    hers = parked(a_caller, bente)
    own, _ = consulted(a_caller, anna, outside)
    anna.is_refused(owned(hers, by=bente), "transfer", hers)
    anna.transfers(own)


def test_the_source_is_unknown(anna: Agent, outside: Phone):
    anna.calls_the_outside(outside)
    anna.is_refused(missing("no-such-call"), "transfer", "no-such-call")


def test_the_source_is_another_organizations(
    a_caller: Callers, anna: Agent, olga: Agent, outside: Phone
):
    caller = a_caller.waits(organization_id="2")
    olga.picks_up(caller)
    olga.parks()
    anna.calls_the_outside(outside)
    anna.is_refused(missing(caller), "transfer", caller)


def test_a_transferred_call_is_not_transferred_again(
    a_caller: Callers, anna: Agent, outside: Phone, another_outside: Phone
):
    source, _ = consulted(a_caller, anna, outside)
    anna.transfers(source)
    anna.calls_the_outside(another_outside)
    anna.is_refused(NOT_ON_HOLD, "transfer", source)


def test_another_agent_cannot_break_up_a_transferred_pair(
    a_caller: Callers, anna: Agent, outside: Phone, bente: Agent
):
    source, call = consulted(a_caller, anna, outside)
    anna.transfers(source)
    anna.phone.is_quiet()
    for each in (source, call):
        bente.is_refused(wrong_state(each, "transferred"), "hangup", each)
