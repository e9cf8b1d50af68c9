// What people do with Vercel's AI SDK, of major 6 or 7: a tool, a stream, an object, embeddings, an
// agent whose tool fails, a model that thinks, and a call that fails.
import { createOpenAI } from "@ai-sdk/openai";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import * as ai from "ai";
import { z } from "zod";

const { embed, embedMany, generateObject, generateText, stepCountIs, streamText, tool, ToolLoopAgent } = ai;
const [written] = process.argv.slice(2);
const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] });
provider.register();

const who = { sessionId: "session-1", userId: "user-1", plan: "free" };
let told = (functionId) => ({ experimental_telemetry: { isEnabled: true, functionId, metadata: who } });
if (written !== "6") {
  const { LegacyOpenTelemetry, OpenTelemetry } = await import("@ai-sdk/otel");
  const modern = () => new OpenTelemetry({ runtimeContext: true, usage: true, embedding: true });
  ai.registerTelemetry(written === "7" ? modern() : new LegacyOpenTelemetry());
  const includeRuntimeContext = { sessionId: true, userId: true, plan: true };
  told = (functionId) => ({ runtimeContext: who, telemetry: { functionId, includeRuntimeContext } });
}

const openai = createOpenAI();
const model = openai.chat("gpt-4o-mini");
const get_weather = tool({
  description: "Looks.",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => ({ city, sky: "rain" }),
});
await generateText({
  model,
  system: "Be brief.",
  prompt: "Weather in Oslo?",
  tools: { get_weather },
  temperature: 0.5,
  stopWhen: stepCountIs(3),
  ...told("weatherman"),
});
const streamed = streamText({ model, prompt: "Tell me a story.", ...told("storyteller") });
for await (const _ of streamed.textStream);
await generateObject({
  model,
  prompt: "Where is Oslo?",
  schema: z.object({ country: z.string() }),
  ...told("geographer"),
});
await embed({ model: openai.embeddingModel("text-embedding-3-small"), value: "Oslo", ...told("indexer") });
await embedMany({
  model: openai.embeddingModel("text-embedding-3-small"),
  values: ["Oslo", "Bergen"],
  ...told("bulk indexer"),
});
const image = { type: "image", image: "https://example.invalid/sky.png" };
const looper = new ToolLoopAgent({
  model,
  instructions: "Be brief.",
  tools: {
    get_weather: tool({
      inputSchema: z.object({ city: z.string() }),
      execute: async () => {
        throw new TypeError("There is no weather.");
      },
    }),
  },
  ...told("looper"),
});
const looped = await looper.stream({
  prompt: [{ role: "user", content: [{ type: "text", text: "And where is this?" }, image] }],
});
for await (const _ of looped.textStream);
await generateText({ model: openai.responses("gpt-4o-mini"), prompt: "Think.", ...told("thinker") });
await generateText({ model, prompt: "Fail.", maxRetries: 0, ...told("failing") }).catch(() => {});
await provider.forceFlush();
await provider.shutdown();
