// Vercel's AI SDK as its documentation has it for Next.js: `registerOTel`, and OpenTelemetry's variables.
import { trace } from "@opentelemetry/api";
import { registerOTel } from "@vercel/otel";

registerOTel({ serviceName: "shop" });
const { generateText } = await import("ai");
const { createOpenAI } = await import("@ai-sdk/openai");
await generateText({
  model: createOpenAI().chat("gpt-4o-mini"),
  prompt: "Hello.",
  experimental_telemetry: { isEnabled: true, functionId: "greeter", metadata: { sessionId: "session-1" } },
});
await new Promise(setImmediate); // it ends its spans of requests a moment later
await trace.getTracerProvider().getDelegate().forceFlush();
