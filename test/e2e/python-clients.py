"""Calls Bursar with the official Python clients, and prints what they saw as a line of JSON."""

import json
import sys

import anthropic
import openai
from google import genai

url, key = sys.argv[1], sys.argv[2]
messages = [{"role": "user", "content": "Say something nice about budgets."}]
seen: dict[str, object] = {}

client = openai.OpenAI(base_url=f"{url}/v1", api_key=key)
chat = client.chat.completions.create(model="gpt-4o-mini", messages=messages, max_tokens=50)
seen["chat"] = chat.usage.total_tokens
chunks = list(client.chat.completions.create(model="gpt-4o-mini", messages=messages, max_tokens=50, stream=True))
seen["chat stream has text"] = any(chunk.choices[0].delta.content for chunk in chunks)
seen["chat stream shows usage"] = any(chunk.usage for chunk in chunks)
response = client.responses.create(model="gpt-4o-mini", input="Say something nice.", max_output_tokens=50)
seen["responses"] = response.usage.total_tokens
seen["embeddings"] = client.embeddings.create(model="text-embedding-3-small", input="a b c").usage.total_tokens
try:
    client.chat.completions.create(
        model="gpt-4o-mini", messages=messages, extra_headers={"x-bursar-user": "broke"}
    )
except openai.RateLimitError as error:
    seen["openai refusal"] = error.code

claude = anthropic.Anthropic(base_url=url, api_key=key)
message = claude.messages.create(model="claude-sonnet-4-5", max_tokens=50, messages=messages)
seen["messages"] = message.usage.input_tokens + message.usage.output_tokens
with claude.messages.stream(model="claude-sonnet-4-5", max_tokens=50, messages=messages) as stream:
    seen["messages stream has text"] = any(stream.text_stream)
    final = stream.get_final_message().usage
    seen["messages stream"] = final.input_tokens + final.output_tokens
try:
    claude.messages.create(
        model="claude-sonnet-4-5", max_tokens=50, messages=messages, extra_headers={"x-bursar-user": "broke"}
    )
except anthropic.RateLimitError as error:
    seen["anthropic refusal"] = error.body["error"]["type"]

gemini = genai.Client(api_key=key, http_options={"base_url": url})
answer = gemini.models.generate_content(model="gemini-2.0-flash", contents="Say something nice.")
seen["gemini"] = answer.usage_metadata.total_token_count
chunks = list(gemini.models.generate_content_stream(model="gemini-2.0-flash", contents="Say something nice."))
seen["gemini stream"] = chunks[-1].usage_metadata.total_token_count
try:
    broke = genai.Client(api_key=key, http_options={"base_url": url, "headers": {"x-bursar-user": "broke"}})
    broke.models.generate_content(model="gemini-2.0-flash", contents="Say something nice.")
except genai.errors.ClientError as error:
    seen["gemini refusal"] = f"{error.code} {error.status}"

print(json.dumps(seen))
