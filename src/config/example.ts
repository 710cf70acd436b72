/** Secrets for the keys of a first config, of 20 printable ASCII characters or more, such as `bsr_…`. */
export interface ExampleSecrets {
  readonly nightlyKey: string
  readonly marketingKey: string
}

const TEMPLATE = `# Bursar: who may use how much AI. Every key is explained in docs/reference/config.md.
# "bursar check bursar.yaml" reads this file and names every mistake with its line.
# \${NAME} is replaced by the environment variable NAME; \${NAME:-text} by the text where it is not set.

server:
  host: 127.0.0.1          # this machine only; 0.0.0.0 for all
  port: \${PORT:-4000}
  # admin_token: \${BURSAR_ADMIN_TOKEN}   # where absent, one is made on the first start and printed once

store:
  data_dir: ./data         # the ledger: back this directory up
  durability: process      # process: survives kill -9 | disk: survives a power cut too
  on_lost: charge          # charge | release: what becomes of the hold of a call whose process died
  # redis: \${REDIS_URL:-}        # for several processes: redis://…, or the nodes of a Cluster
  # database: \${DATABASE_URL:-}  # beside it, for several machines: postgres://…

# Where calls go. Clients change their base URL and key, nothing else.
providers:
  openai:
    api: openai            # anything that speaks OpenAI's API: vLLM, Groq, OpenRouter, ...
    base_url: \${OPENAI_BASE_URL:-https://api.openai.com/v1}
    api_key: \${OPENAI_API_KEY:-}
  anthropic:
    api: anthropic
    base_url: \${ANTHROPIC_BASE_URL:-https://api.anthropic.com}
    api_key: \${ANTHROPIC_API_KEY:-}

# What callers use instead of the provider's key. Usage counts for the team, project and user of the key.
keys:
  - name: nightly-enrichment
    secret: NIGHTLY_KEY
    team: engineering
    project: nightly-enrichment
  - name: marketing
    secret: MARKETING_KEY
    team: marketing
    allow: [user, tag.*]   # the caller may say who asks, with the headers x-bursar-user and x-bursar-tags

# A call counts against every budget in whose scope it is. The scope is the id, or a scope of its own.
budgets:
  - id: team:marketing
    name: Marketing Team
    monthly_token_limit: 5_000_000
    alert_threshold: 0.8   # tell the owner at 80 %
    hard_cap: false        # advisory: calls go on
    owner_email: marketing-lead@example.com
  - id: team:engineering
    name: Engineering Team
    monthly_token_limit: 20_000_000
    alert_threshold: 0.9
    hard_cap: false
    owner_email: eng-lead@example.com
  - id: project:nightly-enrichment
    name: Nightly Enrichment
    monthly_token_limit: 10_000_000
    alert_threshold: 0.85
    hard_cap: true         # calls that would pass the limit are refused
    owner_email: data-eng@example.com
  - id: global
    name: Global Cap
    monthly_token_limit: 50_000_000
    alert_threshold: 0.9
    hard_cap: true
    owner_email: finance@example.com
  # More can be said, such as 50 USD a week for each user of a team:
  # - id: research-per-user
  #   scope: { team: research }
  #   each: user
  #   limit: { usd: 50 }   # exactly one of tokens | usd | requests
  #   period: week         # hour | day | week | month | quarter | year | total
  #   timezone: Europe/Berlin
  #   alert_at: [0.5, 0.9]
  #   hard_cap: true

# Who hears of it. A channel without its address is disabled.
alerts:
  channels:
    slack:
      type: slack
      url: \${SLACK_WEBHOOK_URL:-}
    email:
      type: email
      smtp: \${SMTP_URL:-}   # smtps://user:password@smtp.example.com
      from: Bursar <bursar@example.com>
      to: [ops@example.com]  # and the owner of the budget
    webhook:
      type: webhook
      url: \${ALERT_WEBHOOK_URL:-}
      secret: \${ALERT_WEBHOOK_SECRET:-}

# Prices that Bursar does not know, or that are yours alone, in USD per million tokens.
prices: []
# prices:
#   - { model: our-model, input_per_mtok: 0.50, cached_input_per_mtok: 0.05, output_per_mtok: 1.50 }
`

/** The text of a first `bursar.yaml`: it loads without errors, also where no environment variable is set. */
export function exampleConfig({ nightlyKey, marketingKey }: ExampleSecrets): string {
  return TEMPLATE.replace('NIGHTLY_KEY', () => nightlyKey).replace('MARKETING_KEY', () => marketingKey)
}
