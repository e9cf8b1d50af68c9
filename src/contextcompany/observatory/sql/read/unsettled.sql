-- Large runs whose counts wait until they are quiet, or have grown by a quarter.
SELECT trace_id FROM run WHERE settled_spans < spans AND (seen_ns < ? OR spans > settled_spans * 1.25) LIMIT 10
