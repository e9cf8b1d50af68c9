-- Runs with costs that were calculated, or that nobody knows.
run.unpriced OR EXISTS (SELECT 1 FROM span WHERE span.run = run.id AND span.cost_source = 'calculated')
