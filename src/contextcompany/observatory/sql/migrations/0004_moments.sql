-- For the waterfall of a run, which shows all its spans without reading what they say.
ALTER TABLE span ADD COLUMN moments TEXT /* JSON: [until the first of the answer came, [[from, until] it waited for a person, …]], in nanoseconds after it started; empty when it says nothing of that. */;
