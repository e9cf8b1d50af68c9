// The original SDK for TypeScript as its README shows it: built as it happens, sent when all is known, and feedback.
import { run, sendRun, sendStep, sendToolCall, submitFeedback } from "@contextcompany/custom";

const messages = [{ role: "user", content: "What's the weather in San Francisco?" }];
const r = run({ runId: "run-1", sessionId: "session-1", conversational: true });
r.prompt("What's the weather in San Francisco?");
r.metadata({ agent: "weatherman", plan: "free" });
const s = r.step({ stepId: "step-1" });
s.prompt(JSON.stringify(messages));
s.response("I will look it up.");
s.model({ requested: "gpt-4o", used: "gpt-4o-2024-08-06" });
s.tokens({ uncached: 120, cached: 30, completion: 45 });
s.finishReason("tool_calls");
s.toolDefinitions([{ name: "get_weather", description: "Looks." }]);
s.end();
const tc = r.toolCall("get_weather");
tc.args({ city: "San Francisco" });
tc.result({ temp: 72, unit: "F" });
tc.end();
r.response("It's 72°F in San Francisco.");
await r.end();
await submitFeedback({ runId: "run-1", score: "thumbs_up", text: "Right." });

const failed = run({ runId: "run-2" });
failed.prompt("Fail.");
failed.step().prompt("Fail.");
await failed.error("It broke.");

const at = (seconds) => new Date(Date.UTC(2026, 0, 1, 0, 0, seconds));
await sendRun({
  runId: "run-3",
  prompt: { user_prompt: "What's the weather?", system_prompt: "You are a helpful assistant." },
  response: "72°F in San Francisco",
  startTime: at(0),
  endTime: at(9),
  metadata: { agent: "weather-bot" },
  steps: [
    {
      prompt: JSON.stringify(messages),
      response: "Let me look.",
      model: "gpt-4o",
      tokens: { uncached: 120, completion: 45 },
      startTime: at(1),
      endTime: at(2),
    },
  ],
  toolCalls: [{ name: "get_weather", args: { city: "SF" }, result: { temp: 72 }, startTime: at(2), endTime: at(3) }],
});
await sendStep({
  runId: "run-3",
  prompt: "72?",
  response: "72°F in San Francisco",
  model: { requested: "gpt-4o", used: "gpt-4o-2024-08-06" },
  tokens: { uncached: 130, cached: 30, completion: 15 },
  cost: 0.0042,
  startTime: at(4),
  endTime: at(5),
});
await sendToolCall({ runId: "run-3", name: "search", args: { query: "SF" }, result: { found: 1 }, startTime: at(5), endTime: at(6) });
