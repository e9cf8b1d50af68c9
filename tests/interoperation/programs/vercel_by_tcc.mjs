// Vercel's AI SDK with the original SDK for TypeScript as its exporter, as the latter's documentation shows, and feedback.
import { createOpenAI } from "@ai-sdk/openai";
import { submitFeedback, TCCSpanProcessor } from "@contextcompany/otel";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import * as ai from "ai";
import { z } from "zod";

const { generateText, stepCountIs, tool } = ai;
const [written] = process.argv.slice(2);
const provider = new NodeTracerProvider({ spanProcessors: [new TCCSpanProcessor()] });
provider.register();
const said = { "tcc.runId": "run-1", "tcc.sessionId": "session-1", "tcc.conversational": true, plan: "free" };
let told = { experimental_telemetry: { isEnabled: true, functionId: "weatherman", metadata: said } };
if (written !== "6") {
  const { LegacyOpenTelemetry, OpenTelemetry } = await import("@ai-sdk/otel");
  ai.registerTelemetry(written === "7" ? new OpenTelemetry({ runtimeContext: true }) : new LegacyOpenTelemetry());
  const includeRuntimeContext = { "tcc.runId": true, "tcc.sessionId": true, "tcc.conversational": true, plan: true };
  told = { runtimeContext: said, telemetry: { functionId: "weatherman", includeRuntimeContext } };
}
const get_weather = tool({
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => ({ city, sky: "rain" }),
});
await generateText({
  model: createOpenAI().chat("gpt-4o-mini"),
  prompt: "Weather in Oslo?",
  tools: { get_weather },
  stopWhen: stepCountIs(3),
  ...told,
});
await provider.forceFlush();
await submitFeedback({ runId: "run-1", score: "thumbs_up", text: "Right." });
