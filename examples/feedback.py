"""Feedback that comes later, from another process: a run id is all it takes to find the run."""

import subprocess
import sys

import contextcompany as tcc

THUMBS_UP = "import contextcompany as tcc, sys; print(tcc.submit_feedback(sys.argv[1], score='thumbs_up'))"

run = tcc.run(agent="support", session_id="feedback").prompt("Can I change my address?")
run.response("Yes, under Settings → Addresses.").end()

# From the web front end's process, hours later:
print(
    "accepted by another process:",
    subprocess.check_output([sys.executable, "-c", THUMBS_UP, run.run_id], text=True).strip(),
)

# Right here, in words, and as a score of your own:
print("accepted here:", run.feedback(text="Short and right."))
print("accepted as a score:", tcc.submit_feedback(run.run_id, name="helpfulness", value=0.9))
tcc.flush()
