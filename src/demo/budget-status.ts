import { z } from 'zod'

const answer = z.object({
  budgets: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      used: z.number(),
      limit: z.number(),
      pct: z.number(),
      status: z.string(),
      hard_cap: z.boolean(),
    }),
  ),
})

export type BudgetStatus = z.infer<typeof answer>['budgets'][number]

export interface StatusSource {
  readonly url: string
  readonly adminToken: string
}

/** The budgets as the gateway's own status says them. */
export async function readBudgets({ url, adminToken }: StatusSource): Promise<readonly BudgetStatus[]> {
  const response = await fetch(`${url}/api/v1/status`, { headers: { authorization: `Bearer ${adminToken}` } })
  return answer.parse(await response.json()).budgets
}
