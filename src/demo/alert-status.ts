import { z } from 'zod'
import type { StatusSource } from './budget-status.ts'

const answer = z.object({ alerts: z.array(z.object({ deliveries: z.array(z.object({ state: z.string() })) })) })

/** Whether every alert that has fired so far has reached its channels. */
export async function areAlertsDelivered({ url, adminToken }: StatusSource): Promise<boolean> {
  const response = await fetch(`${url}/api/v1/alerts`, { headers: { authorization: `Bearer ${adminToken}` } })
  const { alerts } = answer.parse(await response.json())
  return alerts.every(({ deliveries }) => deliveries.every(({ state }) => state === 'delivered'))
}
