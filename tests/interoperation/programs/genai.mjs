// An agent with GenAI spans by hand, as people write them with the OpenTelemetry SDK for JavaScript, configured by the
// standard variables alone.
import * as api from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";

const { SpanKind, SpanStatusCode, trace } = api;
const { logs } = api.logs ? api : await import("@opentelemetry/api-logs"); // its own package until 1.10
const sdk = new NodeSDK();
sdk.start();

const work = () => new Promise((done) => setTimeout(done, 5)); // starts are whole milliseconds, and order the spans
const tracer = trace.getTracer("shop.agent", "1.2.3");
const said = (role, content, more = {}) => ({ role, parts: [{ type: "text", content }], ...more });
const call = { type: "tool_call", id: "call_1", name: "get_weather", arguments: { city: "Tromsø" } };
const answer = { type: "tool_call_response", id: "call_1", response: { sky: "rain" } };
const question = said("user", "Weather in Tromsø? ☔");
const asked = { role: "assistant", parts: [call], finish_reason: "tool_call" };
const session = { "gen_ai.conversation.id": "session-1", "user.id": "user-1" };

const step = (input, output, attributes) =>
  tracer.startActiveSpan(
    "chat gpt-4o-mini",
    {
      kind: SpanKind.CLIENT,
      attributes: {
        ...session,
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 100,
      },
    },
    async (span) => {
      await work();
      span.setAttributes({
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.system_instructions": JSON.stringify([{ type: "text", content: "Be brief." }]),
        "gen_ai.input.messages": JSON.stringify(input),
        "gen_ai.output.messages": JSON.stringify([output]),
        "gen_ai.response.finish_reasons": [output.finish_reason],
        ...attributes,
      });
      span.end();
    },
  );

await tracer.startActiveSpan(
  "invoke_agent weatherman",
  { attributes: { ...session, "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "weatherman" } },
  async (run) => {
    await step([question], asked, {
      "gen_ai.response.id": "chatcmpl-1",
      "gen_ai.usage.input_tokens": 100,
      "gen_ai.usage.cache_read.input_tokens": 80,
      "gen_ai.usage.output_tokens": 15,
    });
    await tracer.startActiveSpan(
      "execute_tool get_weather",
      {
        attributes: {
          ...session,
          "gen_ai.operation.name": "execute_tool",
          "gen_ai.tool.name": "get_weather",
          "gen_ai.tool.call.id": "call_1",
          "gen_ai.tool.call.arguments": JSON.stringify(call.arguments),
        },
      },
      async (tool) => {
        await work();
        tool.setAttribute("gen_ai.tool.call.result", JSON.stringify(answer.response));
        tool.setStatus({ code: SpanStatusCode.OK });
        tool.end();
      },
    );
    await step([question, asked, { role: "tool", parts: [answer] }], said("assistant", "Rain.", { finish_reason: "stop" }), {
      "gen_ai.response.id": "chatcmpl-2",
      "gen_ai.response.time_to_first_chunk": 0.25,
      "gen_ai.usage.input_tokens": 130,
      "gen_ai.usage.output_tokens": 7,
    });
    run.setAttribute("gen_ai.input.messages", JSON.stringify([question]));
    run.setAttribute("gen_ai.output.messages", JSON.stringify([said("assistant", "Rain.", { finish_reason: "stop" })]));
    logs.getLogger("shop.agent").emit({
      eventName: "gen_ai.evaluation.result",
      attributes: {
        "gen_ai.evaluation.name": "user_feedback",
        "gen_ai.evaluation.score.label": "thumbs_up",
        "gen_ai.evaluation.score.value": 1,
        "gen_ai.evaluation.explanation": "Short.",
      },
    });
    run.end();
  },
);
tracer.startActiveSpan(
  "invoke_agent failing",
  { attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "failing" } },
  (run) => {
    try {
      throw new TypeError("It broke.");
    } catch (error) {
      run.recordException(error);
      run.setAttribute("error.type", error.name);
      run.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    } finally {
      run.end();
    }
  },
);
await sdk.shutdown();
