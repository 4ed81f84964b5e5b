"""The proof of a broadcast: what its rows say, checked against the law of the ledger, and hashed. Re-exports only.

For the surfaces: `prove(broadcast_pk)` gives a Proof (`as_json()` for programs; `clauses`, `counts`, `holds` for pages); `export`
gives the rows as lines of text, which static/check_proof.py checks by itself.
"""

from tasks.proof.law import Clause
from tasks.proof.report import Proof, export, prove

__all__ = ["Clause", "Proof", "export", "prove"]
