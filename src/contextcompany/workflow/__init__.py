"""Agents made of declared steps, whose runs are recorded: write the steps, and see them, without instrumentation.

The steps are ClientAI's (https://github.com/igorbenav/clientai), name for name; the model client is yours.
"""

from contextcompany.workflow.agent import Agent
from contextcompany.workflow.config import (
    ModelConfig,
    StepConfig,
    StepType,
    ToolCallDecision,
    ToolSelectionConfig,
)
from contextcompany.workflow.context import AgentContext
from contextcompany.workflow.decorators import act, observe, run, synthesize, think
from contextcompany.workflow.errors import StepError, StepTimeoutError, StepValidationError
from contextcompany.workflow.factory import create_agent
from contextcompany.workflow.step import FunctionMetadata, Step
from contextcompany.workflow.tools import Tool, ToolConfig, ToolScope, tool

__all__ = [
    "Agent",
    "AgentContext",
    "FunctionMetadata",
    "ModelConfig",
    "Step",
    "StepConfig",
    "StepError",
    "StepTimeoutError",
    "StepType",
    "StepValidationError",
    "Tool",
    "ToolCallDecision",
    "ToolConfig",
    "ToolScope",
    "ToolSelectionConfig",
    "act",
    "create_agent",
    "observe",
    "run",
    "synthesize",
    "think",
    "tool",
]
