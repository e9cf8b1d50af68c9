-- All runs that a filter lets through.
SELECT trace_id FROM run WHERE /* where */
