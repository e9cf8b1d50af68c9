// An agent in JavaScript that asks a service, with GenAI spans by hand and OpenTelemetry's own propagation.
import { context, propagation, SpanStatusCode, trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";

const sdk = new NodeSDK();
sdk.start();
await trace.getTracer("caller").startActiveSpan(
  "invoke_agent caller",
  {
    attributes: {
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": "caller",
      "gen_ai.conversation.id": "session-1",
    },
  },
  async (run) => {
    const headers = {};
    propagation.inject(context.active(), headers);
    const reply = await fetch(`${process.env.SERVICE_URL}/plan`, { method: "POST", headers });
    run.setStatus({ code: reply.ok ? SpanStatusCode.OK : SpanStatusCode.ERROR });
    run.end();
  },
);
await sdk.shutdown();
