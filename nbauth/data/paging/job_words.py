"""The words in which APIs speak of jobs; all in the spelling that `names.plain` gives them."""

from __future__ import annotations

from typing import Literal

__all__ = [
    "ABOUT", "ASIDE", "ERROR_WORDS", "FLAGS", "HOLDERS", "JOBS", "JOB_IDS", "OTHER_LINKS", "PHASES", "QUERY_IDS",
    "RESULT_LINKS", "RUNS", "STATES", "STATUS_LINKS", "TELLING", "TIMES", "WAITING", "Phase",
]  # fmt: skip

Phase = Literal["running", "done", "failed"]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# What a state means.
PHASES: dict[str, Phase] = {
    **dict.fromkeys(
        _words(
            "accepted blocked compiling enqueued executing finishing incomplete initializing "
            "inprogress inqueue notstarted ongoing pending planning preparing processing queued "
            "queuedrepairingwarehouse resumingwarehouse running scheduled started starting submitted "
            "uploadcomplete waiting"
        ),
        "running",
    ),
    **dict.fromkeys(
        _words("complete completed done finished jobcomplete ready succeeded success successful"), "done"
    ),
    **dict.fromkeys(
        _words(
            "aborted canceled cancelled closed dismissed error errored expired failed failure faulted "
            "killed rejected terminated timedout timeout"
        ),
        "failed",
    ),
}  # fmt: skip
# The names of members with a state.
STATES = frozenset(
    _words(
        "state status executionstate executionstatus exportstatus jobstate jobstatus operationstate "
        "operationstatus provisioningstate querystate querystatus runstate runstatus runtimestatus "
        "statementstatus taskstatus"
    )
)
# Flags that say that the job runs, and all that may be said by one.
RUNS: dict[tuple[str, bool], str] = {("jobcomplete", False): "not complete", ("isrunning", True): "running"}
FLAGS = frozenset(_words("jobcomplete isrunning ispartial done completed finished"))
# Objects that stand for the job; and all in which a state, a number or a link may stand.
JOBS = frozenset(_words("execution export job jobreference operation query queryexecution run statement stats task"))
HOLDERS = JOBS | frozenset(_words("data links properties response result"))
# A query's number says that rows are to come; a job's may be all that somebody asks for.
QUERY_IDS = _words("statementid statementhandle queryid queryexecutionid")
JOB_IDS = _words("jobid executionid operationid taskid runid exportid asyncid asyncqueryid")
# Links, the surest ones first; those of the second kind may lead anywhere.
STATUS_LINKS = _words(
    "statementstatusurl statusquerygeturi statusurl statusuri statuslink pollingurl pollinguri "
    "pollurl polluri monitorurl monitoruri operationlocation operationurl joburl status monitor "
    "nexturi"
)
OTHER_LINKS = _words("location selflink self href url uri")
RESULT_LINKS = _words(
    "resourcelocation resulturl resultsurl resulturi resultsuri resultlink resultlocation "
    "resultslocation outputurl outputuri downloadurl downloaduri downloadlink exporturl fileurl "
    "results result output download"
)
# Where an API says what went wrong.
ERROR_WORDS = _words(
    "errormessage errordescription message detail statechangereason failurereason statusmessage reason title error"
)
# What is said of a wait, and what else of a job, which may be said of other things; and lists that are no rows.
WAITING = frozenset(
    _words(
        "accepted code detail eta error errors kind links message ok percent percentcomplete percentagecomplete "
        "position progress queueposition retryafter success warnings"
    )
)
TIMES = frozenset(
    _words(
        "created createdat createddatetime createdon createdtime createdtimeutc createtime duration elapsed "
        "expiration finished finishedat lastupdated lastupdatedtimeutc started startedat startdate starttime "
        "submitted submittedat submittime timestamp updated updatedat"
    )
)
ABOUT = (
    WAITING
    | TIMES
    | frozenset(
        _words("etag format href id location metadata method name operation priority self sqlstate type url uri")
    )
)
ASIDE = frozenset(
    _words(
        "arguments errors executionparameters historyevents jobs links logs messages parameters "
        "params stages statementhandles steps tags tasks warnings"
    )
)
# The members of which an object must have one, or it tells of no job.
TELLING = STATES | FLAGS | JOBS | {*QUERY_IDS, *JOB_IDS, "properties", "result", "response"}
