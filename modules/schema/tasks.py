"""Everything an engine can be asked to do. One verb, many tasks."""

from modules.schema.request import GenerationRequest

Task = GenerationRequest
