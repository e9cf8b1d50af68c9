"""The Python examples of the original documentation, word for word; only the indentation that the pages lost is ours.

The names are those of the pages: "Step" is the reference page of `step()`, "Step usage" its guide, "Run" the reference
page of `run()`. Where an example had no heading, the name says what it shows.
"""

__all__ = ["EXAMPLES", "FRAGMENTS"]

EXAMPLES = {
    "Step: Creating Steps from a Run": """
from contextcompany import run

r = run()

# Create a step from the run object (recommended)
s = r.step()
s.prompt("Summarize this text...")
s.response("Here is a summary...")
s.end()

r.prompt(user_prompt="User query")
r.response("Final response")
r.end()
""",
    "Step: Creating Steps Independently": """
from contextcompany import run, step

r = run()

# Create a step using the run_id
s = step(run_id=r.run_id)
s.prompt("Analyze this data...")
s.response("Based on the analysis...")
s.end()

r.prompt(user_prompt="User query")
r.response("Final response")
r.end()
""",
    "Step: Complete Step with All Fields": """
from contextcompany import run
import json

r = run()
s = r.step()

# Set prompt and response
s.prompt(json.dumps([
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is 2+2?"}
]))
s.response("The answer is 4.")

# Set model information
s.model(requested="gpt-4", used="gpt-4-0613")

# Set token usage
s.tokens(
    prompt_uncached=25,
    prompt_cached=0,
    completion=10
)

# Set cost
s.cost(0.001)

# Set finish reason
s.finish_reason("stop")

s.end()

r.prompt(user_prompt="What is 2+2?")
r.response("The answer is 4.")
r.end()
""",
    "Step: tool definitions": """
from contextcompany import run
import json

r = run()
s = r.step()

tools = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the weather for a location",
            "parameters": {
                "type": "object",
                "properties": {
                    "location": {"type": "string"}
                },
                "required": ["location"]
            }
        }
    }
]

s.prompt("What's the weather in SF?")
s.tool_definitions(json.dumps(tools))
s.response("I'll check the weather for you.")
s.finish_reason("tool_calls")
s.end()

r.prompt(user_prompt="What's the weather?")
r.response("It's sunny!")
r.end()
""",
    "Step: Multiple Steps in Sequence": """
from contextcompany import run

r = run()

# First step: planning
s1 = r.step()
s1.prompt("Plan how to solve this problem...")
s1.response("I will first analyze the data, then...")
s1.model(requested="gpt-4", used="gpt-4")
s1.tokens(prompt_uncached=50, completion=30)
s1.end()

# Second step: execution
s2 = r.step()
s2.prompt("Execute the plan...")
s2.response("Analysis complete. Results show...")
s2.model(requested="gpt-4", used="gpt-4")
s2.tokens(prompt_uncached=100, completion=75)
s2.end()

# Finalize run
r.prompt(user_prompt="Solve this problem")
r.response("Problem solved successfully.")
r.end()
""",
    "Step: Error Handling": """
from contextcompany import run

r = run()
s = r.step()
s.prompt("Generate a summary...")

try:
    response = call_llm()
    s.response(response)
    s.end()
except Exception as e:
    s.error(f"LLM call failed: {str(e)}")

# Continue with run even if step failed
r.prompt(user_prompt="User query")
r.response("Unable to complete due to error.")
r.status(2, "Error in LLM call")
r.end()
""",
    "Step: Tracking Cached vs Uncached Tokens": """
from contextcompany import run

r = run()
s = r.step()

s.prompt("Reuse previous context...")
s.response("Using cached context...")

# Track cache usage
s.tokens(
    prompt_uncached=10,  # Only 10 new tokens
    prompt_cached=500,  # 500 tokens from cache
    completion=50
)

# Significant cost savings from caching
s.cost(0.0005)  # Much lower cost than without cache

s.end()

r.prompt(user_prompt="User query")
r.response("Response")
r.end()
""",
    "Step usage: Create step": """
import contextcompany as tcc

r = tcc.run()

# Option 1: Create a step from a run
s = r.step()

# Option 2: Create a step directly with a run ID
s = tcc.step(run_id=r.run_id)
""",
    "Step usage: End step": """
s = r.step()
s.prompt("You are a weather agent. The user asked: What is the weather in London?")

# --- Your LLM call ---
# ...
# --- End of LLM call ---

s.response("The weather in London is 15°C and cloudy.")
s.end()
""",
    "Step usage: Mark step as failed": """
import contextcompany as tcc

r = tcc.run()
r.prompt("What is the weather in London?")

s = r.step()
s.prompt("Calling weather API...")

try:
    result = call_weather_api()
    s.response(result)
    s.end()
except Exception as e:
    s.error(status_message=str(e))

# Run still ends successfully even if a step fails
r.end()
""",
    "Run: Basic Usage": """
from contextcompany import run

r = run()
r.prompt(
    user_prompt="Summarize this article",
    system_prompt="You are a helpful assistant."
)
r.response("Here is a summary of the article...")
r.end()
""",
    "Run: Conversational Agent": """
from contextcompany import run
import uuid

session_id = str(uuid.uuid4())

# First message
r1 = run(session_id=session_id, conversational=True)
r1.prompt(user_prompt="Hello!")
r1.response("Hi! How can I help you?")
r1.end()

# Follow-up message
r2 = run(session_id=session_id, conversational=True)
r2.prompt(user_prompt="What's the weather?")
r2.response("Let me check the weather for you.")
r2.end()
""",
    "Run: metadata": """
from contextcompany import run

r = run()
r.prompt(user_prompt="Analyze sales data")
r.metadata(
    user_id="user_123",
    department="sales",
    region="us-west"
)
r.response("Sales analysis complete.")
r.end()
""",
    "Run: steps and tool calls": """
from contextcompany import run

r = run()

# Track an LLM call
s = r.step()
s.prompt("What's the weather in SF?")
s.response("I'll check the weather for you.")
s.model(requested="gpt-4", used="gpt-4")
s.tokens(prompt_uncached=20, completion=15)
s.end()

# Track a tool call
tc = r.tool_call(tool_name="get_weather")
tc.args({"location": "San Francisco"})
tc.result({"temperature": 65, "condition": "sunny"})
tc.end()

# Finalize the run
r.prompt(user_prompt="What's the weather in SF?")
r.response("It's 65°F and sunny in San Francisco.")
r.end()
""",
    "Run: Error Handling": """
from contextcompany import run

r = run()
r.prompt(user_prompt="Process this request")

try:
    # Your agent logic here
    result = process_request()
    r.response(result)
    r.end()
except Exception as e:
    r.error(f"Failed to process request: {str(e)}")
""",
    "Run: Custom Status Codes": """
from contextcompany import run

r = run()
r.prompt(user_prompt="Generate report")

try:
    report = generate_report()

    if report.is_complete:
        r.status(0, "Success")  # Complete success
    else:
        r.status(1, "Partial success")  # Partial success

    r.response(report.content)
    r.end()
except Exception as e:
    r.error(f"Report generation failed: {str(e)}")
""",
}
"""Whole programs, by page and heading. They need the functions they call, and "End step" needs `r`."""

FRAGMENTS = {
    "chained": 's.prompt("Hello").response("World").model(requested="gpt-4", used="gpt-4-0613").end()',
    "step of a run": "s = r.step()",
    "step of a run id": "s = tcc.step(run_id=r.run_id)",
    "prompt": "s.prompt(text)",
    "prompt, filled in": 's.prompt("You are a weather agent. The user asked: What is the weather in London?")',
    "response": "s.response(text)",
    "response, filled in": 's.response("The weather in London is 15°C and cloudy.")',
    "model": "s.model(requested, used)",
    "model, filled in": 's.model(requested="gpt-4", used="gpt-4-0613")',
    "tokens": "s.tokens(prompt_uncached, prompt_cached, completion)",
    "tokens, filled in": """
s.tokens(
    prompt_uncached=150,
    prompt_cached=50,
    completion=25,
)
""",
    "cost": "s.cost(real_total)",
    "cost, filled in": "s.cost(real_total=0.0035)",
    "finish reason": "s.finish_reason(reason)",
    "finish reason, filled in": 's.finish_reason("stop")',
    "tool definitions": "s.tool_definitions(definitions)",
    "tool definitions, filled in": (
        """s.tool_definitions('[{"name": "get_weather", "description": "Get the weather for a location"}]')"""
    ),
    "failed": "s.error(status_message)",
}
"""The lines of "Step usage" that need an `r`, an `s` and values."""
