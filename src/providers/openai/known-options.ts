/*
 * Options of a request that bring nothing into its input beside their own text. What is in no list may: a search, a prompt or
 * a file that the provider keeps. Sources, by group: https://platform.openai.com/docs/api-reference,
 * https://openrouter.ai/docs/api/reference/parameters, https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html,
 * https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md, https://docs.mistral.ai/api,
 * https://console.groq.com/docs/api-reference, https://docs.x.ai/docs/api-reference, https://docs.perplexity.ai/api-reference,
 * https://www.alibabacloud.com/help/en/model-studio/qwen-api-via-openai-chat-completions.
 */

/** How tokens are chosen, and where the answer ends. They hide nothing of it. */
const SAMPLING = [
  'allowed_token_ids', 'bad_words', 'beam_width', 'dry_allowed_length', 'dry_base', 'dry_multiplier', 'dry_penalty_last_n',
  'dry_sequence_breakers', 'dynatemp_exponent', 'dynatemp_range', 'early_stopping', 'epsilon_cutoff', 'eta_cutoff', 'frequency_penalty',
  'ignore_eos', 'include_stop_str_in_output', 'length_penalty', 'logit_bias', 'logprobs', 'max_completion_tokens', 'max_output_tokens',
  'max_tokens', 'min_keep', 'min_p', 'min_tokens', 'mirostat', 'mirostat_eta', 'mirostat_tau', 'n', 'n_predict', 'n_probs',
  'no_repeat_ngram_size', 'penalty_alpha', 'presence_penalty', 'random_seed', 'repeat_last_n', 'repeat_penalty', 'repetition_penalty',
  'samplers', 'sampler_seed', 'seed', 'skip_special_tokens', 'smoothing_factor', 'spaces_between_special_tokens', 'stop',
  'stop_token_ids', 'temperature', 'temperature_last', 'tfs_z', 'top_a', 'top_k', 'top_logprobs', 'top_n_sigma', 'top_p', 'typical_p',
  'xtc_probability', 'xtc_threshold',
] as const // prettier-ignore

/** In which form text is answered; who asks, for what, where; how it is cached, kept and sent. They hide nothing either. */
const FORM = [
  'cache_prompt', 'cache_salt', 'function_call', 'functions', 'grammar', 'guided_choice', 'guided_decoding_backend', 'guided_grammar',
  'guided_json', 'guided_regex', 'guided_whitespace_pattern', 'id_slot', 'json_schema', 'messages', 'metadata', 'model', 'moderation',
  'parallel_tool_calls', 'priority', 'prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention', 'request_id',
  'response_format', 'safety_identifier', 'safety_model', 'service_tier', 'session_id', 'store', 'stream', 'stream_options',
  'structured_outputs', 'tool_choice', 'tools', 'trace', 'truncate_prompt_tokens', 'usage', 'user', 'verbosity',
] as const // prettier-ignore

/** What of an answer is shown, and by which model it is made. They may hide what is charged. */
const THINKING = [
  'audio', 'chat_template_kwargs', 'clear_thinking', 'disable_reasoning', 'enable_thinking', 'include_reasoning', 'modalities', 'models',
  'prediction', 'preserve_thinking', 'prompt_mode', 'provider', 'reasoning', 'reasoning_budget', 'reasoning_effort', 'reasoning_format',
  'reasoning_split', 'route', 'thinking', 'thinking_budget', 'thinking_forced_open', 'transforms',
] as const // prettier-ignore

/** Of the servers that run a model. */
const SERVING = [
  'add_generation_prompt', 'add_special_tokens', 'bootstrap_host', 'bootstrap_port', 'bootstrap_room',
  'cache_control', 'continue_final_message', 'debug', 'echo', 'fallbacks', 'image_config', 'include_usage', 'keep_alive',
  'kv_transfer_params', 'logits_processors', 'lora', 'n_keep', 'parse_tool_calls', 'post_sampling_probs', 'prompt_logprobs',
  'regex', 'ebnf', 'repetition_context_size', 'return_progress', 'return_token_ids', 'return_tokens_as_token_ids', 'safe_prompt',
  'separate_reasoning', 'stream_reasoning', 't_max_predict_ms', 'timeout', 'timings_per_token', 'tool_stream',
  'top_n_tokens', 'translation_options', 'use_beam_search', 'vl_high_resolution_images',
] as const // prettier-ignore

/** Perplexity's filters of what its models search anyway; none of them turns a search on. */
const FILTERS = [
  'country', 'image_domain_filter', 'image_format_filter', 'last_updated_after_filter', 'last_updated_before_filter', 'return_images',
  'return_related_questions', 'search_after_date_filter', 'search_before_date_filter', 'search_domain_filter', 'search_mode',
  'search_recency_filter',
] as const // prettier-ignore

const COMMON = [...SAMPLING, ...FORM, ...THINKING, ...SERVING]

/** Of a chat completion. */
export const CHAT_OPTIONS: ReadonlySet<string> = new Set([...COMMON, ...FILTERS])

/** Of a completion of text. */
export const COMPLETION_OPTIONS: ReadonlySet<string> = new Set([...COMMON, 'best_of', 'prompt', 'suffix'])

/** Of a response. An earlier one, or a conversation, is counted by what is known of it. */
export const RESPONSE_OPTIONS: ReadonlySet<string> = new Set([
  ...COMMON, 'background', 'conversation', 'include', 'input', 'instructions', 'max_tool_calls', 'previous_response_id', 'text',
  'truncation',
]) // prettier-ignore

/** Of embeddings and rankings (also https://docs.voyageai.com/reference, https://jina.ai/embeddings). */
export const EMBEDDING_OPTIONS: ReadonlySet<string> = new Set([
  'dimensions', 'documents', 'embedding_type', 'embedding_types', 'encoding_format', 'input', 'input_type', 'instruction', 'late_chunking',
  'max_chunks_per_doc', 'max_tokens_per_doc', 'model', 'normalized', 'output_dimension', 'output_dtype', 'overlap_tokens', 'priority', 'provider',
  'query', 'rank_fields', 'return_documents', 'task', 'task_type', 'top_k', 'top_n', 'truncate', 'truncate_dim', 'truncate_prompt_tokens',
  'truncation', 'user',
]) // prettier-ignore

/**
 * Of images that are made or edited: https://platform.openai.com/docs/api-reference/images, https://docs.x.ai/docs/guides/image-generations,
 * https://docs.together.ai/reference/post-images-generations. The images are counted by themselves.
 */
export const IMAGE_OPTIONS: ReadonlySet<string> = new Set([
  'aspect_ratio', 'background', 'disable_safety_checker', 'guidance', 'guidance_scale', 'height', 'image', 'image[]', 'images',
  'input_fidelity', 'input_references', 'mask', 'model', 'moderation', 'n', 'negative_prompt', 'output_compression', 'output_format',
  'partial_images', 'prompt', 'provider', 'quality', 'resolution', 'response_format', 'seed', 'service_tier', 'size', 'steps', 'stream',
  'style', 'user', 'watermark', 'width',
]) // prettier-ignore

/** Options with which a model that hides nothing hides nothing. */
export const SHOWING_OPTIONS: ReadonlySet<string> = new Set([
  ...SAMPLING, ...FORM, 'cache_control', 'include', 'input', 'instructions', 'max_tool_calls', 'previous_response_id', 'conversation',
  'safe_prompt', 'text', 'truncation',
]) // prettier-ignore
