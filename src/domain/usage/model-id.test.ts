import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { modelId } from './model-id.ts'

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'gpt-4o': ['gpt-4o', 'GPT-4o', 'openai/gpt-4o', 'gpt-4o-2024-08-06', 'openai/gpt-4o:nitro', ' gpt-4o '],
  'gpt-4o-mini': ['gpt-4o-mini', 'gpt-4o-mini-2024-07-18', 'models/gpt-4o-mini'],
  'gpt-4': ['gpt-4', 'gpt-4-0613', 'gpt-4-0314'],
  'gpt-4-turbo': ['gpt-4-turbo', 'gpt-4-turbo-2024-04-09'],
  'gpt-4-32k': ['gpt-4-32k', 'gpt-4-32k-0613'],
  'claude-sonnet-4-5': [
    'claude-sonnet-4-5',
    'claude-sonnet-4-5-20250929',
    'claude-sonnet-4-5@20250929',
    'claude-sonnet-4-5-latest',
    'anthropic/claude-sonnet-4.5',
    'anthropic.claude-sonnet-4-5-20250929-v1:0',
    'eu.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'global.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0',
    'publishers/anthropic/models/claude-sonnet-4-5@20250929',
  ],
  'claude-3-5-haiku': ['claude-3-5-haiku-20241022', 'claude-3.5-haiku', 'anthropic/claude-3.5-haiku:beta', 'claude-3-5-haiku@default'],
  'gemini-2.5-pro': ['gemini-2.5-pro', 'models/gemini-2.5-pro', 'publishers/google/models/gemini-2.5-pro', 'google/gemini-2.5-pro'],
  'gemini-2.0-flash': ['gemini-2.0-flash', 'gemini-2.0-flash-001'],
  'mistral-large': ['mistral-large', 'mistral-large-latest'],
  'mistral-large-2411': ['mistral-large-2411', 'mistralai/mistral-large-2411'],
  'llama3-1-70b-instruct': [
    'meta.llama3-1-70b-instruct-v1:0',
    'us.meta.llama3-1-70b-instruct-v1:0',
    'meta.llama3-1-70b-instruct-v1:0:128k',
  ],
  'llama-3.3-70b-versatile': ['llama-3.3-70b-versatile'],
  'llama3.1:8b': ['llama3.1:8b'],
  'llama3.1': ['llama3.1', 'llama3.1:latest'],
  'gpt-oss-20b:free': ['openai/gpt-oss-20b:free'],
  'ft:gpt-4o-mini-2024-07-18:acme::abc': ['ft:gpt-4o-mini-2024-07-18:acme::abc'],
  'arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc': [
    'arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/abc',
  ],
}

describe('the one name of a model', () => {
  for (const [id, names] of Object.entries(NAMES)) {
    test.each(names)(`${id} is %s`, (name) => {
      expect(modelId(name)).toBe(id)
    })
  }

  test('of its own name is that name, and no name is empty', () => {
    const piece = fc.constantFrom(
      'gpt',
      '-4',
      'eu.',
      'anthropic.',
      '/',
      ':',
      '-v1',
      ':0',
      '-latest',
      '@',
      '20250101',
      '-0613',
      'claude-',
      '4.5',
    )
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string({ minLength: 1 })), { minLength: 1, maxLength: 6 }), (pieces) => {
        const name = pieces.join('')
        fc.pre(name.trim() !== '')
        expect(modelId(modelId(name))).toBe(modelId(name))
        expect(modelId(name)).not.toBe('')
      }),
      { numRuns: 5000 },
    )
  })
})
