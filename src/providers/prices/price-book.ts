import type { EpochMs } from '../../domain/instant.ts'
import { modelId } from '../../domain/usage/model-id.ts'
import type { Price } from '../../domain/usage/price.ts'
import { listPrice, priceListOf } from './price-list.ts'

/** A price of the config's own: an override, or that of a private model. */
export interface OwnPrice {
  /** The model as calls name it, also with its provider before it (`azure/my-deployment`). */
  readonly model: string
  readonly price: Price
}

/** Prices change by date, and some by the time of day, at full or half hours. */
const GOOD_FOR_MS = 15 * 60_000
/** Callers choose the names of models, so the number of those remembered is bounded. */
const KNOWN_MAX = 10_000

/** The price of a model at a provider: the config's own, else the list's; an unknown price is never 0. */
export class PriceBook {
  readonly #own = new Map<string, Price>()
  readonly #lists = new Map<string, string | undefined>()
  /** By the provider, then by the model. */
  readonly #known = new Map<string, Map<string, Price | 'none'>>()
  #knownCount = 0
  #knownUntil: EpochMs = 0

  constructor(own: readonly OwnPrice[], providers: readonly { readonly name: string; readonly api: string; readonly baseUrl: string }[]) {
    for (const { model, price } of own) this.#own.set(model.toLowerCase(), price)
    for (const provider of providers) this.#lists.set(provider.name, priceListOf(provider))
  }

  /** @param model as it is named towards the provider */
  priceOf(provider: string, model: string, at: EpochMs): Price | undefined {
    const isStale = at >= this.#knownUntil || at < this.#knownUntil - GOOD_FOR_MS
    if (isStale || this.#knownCount >= KNOWN_MAX) this.#startAnew(at)
    const known = this.#known.get(provider)?.get(model)
    if (known !== undefined) return known === 'none' ? undefined : known
    const price = this.#ownPrice(provider, model) ?? this.#listPrice(provider, model, at)
    const ofProvider = this.#known.get(provider) ?? new Map<string, Price | 'none'>()
    this.#known.set(provider, ofProvider.set(model, price ?? 'none'))
    this.#knownCount++
    return price
  }

  #startAnew(at: EpochMs): void {
    this.#known.clear()
    this.#knownCount = 0
    this.#knownUntil = at - (at % GOOD_FOR_MS) + GOOD_FOR_MS
  }

  /** By the name as written first, then by the model's one name. */
  #ownPrice(provider: string, model: string): Price | undefined {
    for (const name of [model.toLowerCase(), modelId(model)]) {
      const price = this.#own.get(`${provider}/${name}`) ?? this.#own.get(name)
      if (price !== undefined) return price
    }
    return undefined
  }

  #listPrice(provider: string, model: string, at: EpochMs): Price | undefined {
    const list = this.#lists.get(provider)
    return list === undefined ? undefined : (listPrice(list, model, at) ?? listPrice(list, modelId(model), at))
  }
}
