import { Script } from 'node:vm'
import luaparse, { type Expression, type FunctionDeclaration, type Identifier, type Statement } from 'luaparse'
import * as operators from './lua-value.ts'
import type { LuaFunction, LuaTable } from './lua-value.ts'

/**
 * Lua 5.1 into JavaScript. An interpreter would do; but 10,000 simulated lives run some millions of scripts, of which fengari
 * (Lua 5.3 with integers of 32 bits) took 100 us each, wasmoon (5.4) 150 and more, and neither has the numbers of Redis.
 */
export type LuaChunk = (globals: LuaTable) => LuaFunction

/** @throws SyntaxError where it is no Lua 5.1 */
export function compileLua(source: string): LuaChunk {
  const bytes = Buffer.from(source, 'utf8').toString('latin1')
  const chunk = luaparse.parse(bytes, { luaVersion: '5.1', encodingMode: 'pseudo-latin1', comments: false, ranges: true })
  const body = new Emitter(bytes).program(chunk.body)
  const make = new Script(`(function ({ ${Object.keys(operators).join(', ')} }) { return ${body} })`).runInThisContext() as (
    runtime: typeof operators,
  ) => LuaChunk
  return make(operators)
}

const BINARY: Readonly<Record<string, (a: string, b: string) => string>> = {
  '+': (a, b) => `add(${a}, ${b})`,
  '-': (a, b) => `subtract(${a}, ${b})`,
  '*': (a, b) => `multiply(${a}, ${b})`,
  '/': (a, b) => `divide(${a}, ${b})`,
  '%': (a, b) => `modulo(${a}, ${b})`,
  '^': (a, b) => `power(${a}, ${b})`,
  '..': (a, b) => `concat(${a}, ${b})`,
  '==': (a, b) => `(${a} === ${b})`,
  '~=': (a, b) => `(${a} !== ${b})`,
  '<': (a, b) => `lessThan(${a}, ${b})`,
  '<=': (a, b) => `atMost(${a}, ${b})`,
  '>': (a, b) => `moreThan(${a}, ${b})`,
  '>=': (a, b) => `atLeast(${a}, ${b})`,
}

const UNARY: Readonly<Record<string, (a: string) => string>> = {
  '-': (a) => `negate(${a})`,
  '#': (a) => `length(${a})`,
  not: (a) => `!truthy(${a})`,
}

/** What may have any number of values, unless it stands in parentheses. */
const MANY: ReadonlySet<string> = new Set(['CallExpression', 'StringCallExpression', 'TableCallExpression', 'VarargLiteral'])

/** One name of JavaScript for each local of Lua: a name that is declared again is another variable. */
class Emitter {
  readonly #source: string
  #names = 0
  #temporaries: string[] = []
  #scopes: Map<string, string>[] = []

  constructor(source: string) {
    this.#source = source
  }

  program(body: readonly Statement[]): string {
    return `(globals) => ${this.#functionOf([], body)}`
  }

  #functionOf(parameters: FunctionDeclaration['parameters'], body: readonly Statement[]): string {
    const outer = this.#temporaries
    this.#temporaries = []
    this.#scopes.push(new Map())
    const names = parameters.map((parameter) => (parameter.type === 'VarargLiteral' ? '...varargs' : this.#declare(parameter)))
    const code = body.map((statement) => this.#statement(statement)).join('\n')
    this.#scopes.pop()
    const declared = this.#temporaries.length === 0 ? '' : `let ${this.#temporaries.join(', ')};`
    this.#temporaries = outer
    return `((${names.join(', ')}) => { ${declared}\n${code}\nreturn [] })`
  }

  #declare({ name }: Identifier): string {
    const fresh = `${name}$${++this.#names}`
    this.#scopes.at(-1)?.set(name, fresh)
    return fresh
  }

  #temporary(): string {
    const name = `t$${++this.#names}`
    this.#temporaries.push(name)
    return name
  }

  #block(body: readonly Statement[], before: () => string = () => ''): string {
    this.#scopes.push(new Map())
    const code = [before(), ...body.map((statement) => this.#statement(statement))].join('\n')
    this.#scopes.pop()
    return `{ ${code} }`
  }

  #statement(statement: Statement): string {
    switch (statement.type) {
      case 'LocalStatement':
        return this.#local(statement.variables, statement.init)
      case 'AssignmentStatement':
        return this.#assignment(statement.variables, statement.init)
      case 'CallStatement':
        return `${this.#many(statement.expression)};`
      case 'FunctionDeclaration':
        return this.#named(statement)
      case 'ReturnStatement':
        return `return ${this.#listOf(statement.arguments)};`
      case 'IfStatement':
        return statement.clauses
          .map((clause) =>
            clause.type === 'ElseClause' ? this.#block(clause.body) : `if (${this.#test(clause.condition)}) ${this.#block(clause.body)}`,
          )
          .join(' else ')
      case 'WhileStatement':
        return `while (${this.#test(statement.condition)}) ${this.#block(statement.body)}`
      case 'RepeatStatement':
        return this.#repeat(statement.body, statement.condition)
      case 'ForNumericStatement':
        return this.#forNumbers(statement)
      case 'ForGenericStatement':
        return this.#forEach(statement)
      case 'DoStatement':
        return this.#block(statement.body)
      case 'BreakStatement':
        return 'break;'
      case 'GotoStatement':
      case 'LabelStatement':
        throw new SyntaxError(`${statement.type} is not in Lua 5.1`)
    }
  }

  #repeat(body: readonly Statement[], condition: Expression): string {
    this.#scopes.push(new Map())
    const code = body.map((statement) => this.#statement(statement)).join('\n')
    const until = this.#test(condition)
    this.#scopes.pop()
    return `for (;;) { ${code}\nif (${until}) break }`
  }

  #forNumbers(statement: Statement & { type: 'ForNumericStatement' }): string {
    const [from, to, step] = [statement.start, statement.end, statement.step].map((part) =>
      part === null || part === undefined ? '1' : this.#one(part),
    )
    const counter = `i$${++this.#names}`
    const body = this.#block(statement.body, () => `let ${this.#declare(statement.variable)} = ${counter};`)
    return `for (let ${counter} = add(${from}, 0), end = add(${to}, 0), step = add(${step}, 0); step > 0 ? ${counter} <= end : ${counter} >= end; ${counter} += step) ${body}`
  }

  #forEach(statement: Statement & { type: 'ForGenericStatement' }): string {
    const parts = `p$${++this.#names}`
    const values = `v$${this.#names}`
    const control = `c$${this.#names}`
    const list = this.#listOf(statement.iterators)
    const body = this.#block(
      statement.body,
      () => `let ${statement.variables.map((variable, i) => `${this.#declare(variable)} = ${values}[${i}]`).join(', ')};`,
    )
    return `for (let ${parts} = ${list}, ${control} = ${parts}[2];;) { const ${values} = call(${parts}[0], [${parts}[1], ${control}]); ${control} = ${values}[0]; if (${control} === undefined) break; ${body} }`
  }

  #local(variables: readonly Identifier[], init: readonly Expression[]): string {
    const [only] = init
    if (variables.length === 1 && init.length === 1 && only !== undefined) {
      const value = this.#one(only)
      return `let ${variables.map((variable) => this.#declare(variable)).join()} = ${value};`
    }
    const values = this.#listOf(init)
    return `let [${variables.map((variable) => this.#declare(variable)).join(', ')}] = ${values};`
  }

  #assignment(variables: readonly Expression[], init: readonly Expression[]): string {
    const [target] = variables
    const [only] = init
    if (target !== undefined && only !== undefined && variables.length === 1 && init.length === 1)
      return `${this.#store(target, this.#one(only))};`
    const values = this.#temporary()
    const stores = variables.map((variable, i) => `${this.#store(variable, `${values}[${i}]`)};`)
    return `${values} = ${this.#listOf(init)}; ${stores.join(' ')}`
  }

  #store(target: Expression, value: string): string {
    if (target.type === 'Identifier') {
      const local = this.#lookUp(target.name)
      return local === undefined ? `setIndex(globals, ${JSON.stringify(target.name)}, ${value})` : `${local} = ${value}`
    }
    if (target.type === 'MemberExpression') {
      return `setIndex(${this.#one(target.base)}, ${JSON.stringify(target.identifier.name)}, ${value})`
    }
    if (target.type === 'IndexExpression') return `setIndex(${this.#one(target.base)}, ${this.#one(target.index)}, ${value})`
    throw new SyntaxError(`can't assign to ${target.type}`)
  }

  #named(declaration: FunctionDeclaration): string {
    const { identifier, isLocal, parameters, body } = declaration
    if (identifier === null) throw new SyntaxError('a function without a name is no statement')
    if (isLocal && identifier.type === 'Identifier') {
      const name = this.#declare(identifier)
      return `let ${name}; ${name} = ${this.#functionOf(parameters, body)};`
    }
    if (identifier.type === 'MemberExpression' && identifier.indexer === ':') throw new SyntaxError('methods are not supported')
    return `${this.#store(identifier, this.#functionOf(parameters, body))};`
  }

  #test(expression: Expression): string {
    return `truthy(${this.#one(expression)})`
  }

  /** An expression's first value. */
  #one(expression: Expression): string {
    switch (expression.type) {
      case 'Identifier':
        return this.#lookUp(expression.name) ?? `globals.get(${JSON.stringify(expression.name)})`
      case 'StringLiteral':
      case 'BooleanLiteral':
      case 'NumericLiteral':
        return JSON.stringify(expression.value)
      case 'NilLiteral':
        return 'undefined'
      case 'BinaryExpression':
        return this.#binary(expression.operator, this.#one(expression.left), this.#one(expression.right))
      case 'LogicalExpression': {
        const left = this.#temporary()
        const [a, b] = [this.#one(expression.left), this.#one(expression.right)]
        return expression.operator === 'and' ? `(truthy(${left} = ${a}) ? ${b} : ${left})` : `(truthy(${left} = ${a}) ? ${left} : ${b})`
      }
      case 'UnaryExpression':
        return this.#unary(expression.operator, this.#one(expression.argument))
      case 'MemberExpression':
        if (expression.indexer === ':') throw new SyntaxError('methods are not supported')
        return `index(${this.#one(expression.base)}, ${JSON.stringify(expression.identifier.name)})`
      case 'IndexExpression':
        return `index(${this.#one(expression.base)}, ${this.#one(expression.index)})`
      case 'FunctionDeclaration':
        return this.#functionOf(expression.parameters, expression.body)
      case 'TableConstructorExpression':
        return this.#table(expression)
      case 'VarargLiteral':
      case 'CallExpression':
      case 'StringCallExpression':
      case 'TableCallExpression':
        return `${this.#many(expression)}[0]`
    }
  }

  /** All values of an expression, as a list. */
  #many(expression: Expression): string {
    if (expression.type === 'CallExpression') return this.#call(expression)
    if (expression.type === 'StringCallExpression') return `call(${this.#one(expression.base)}, [${this.#one(expression.argument)}])`
    if (expression.type === 'TableCallExpression') return `call(${this.#one(expression.base)}, [${this.#one(expression.arguments)}])`
    return expression.type === 'VarargLiteral' ? 'varargs' : `[${this.#one(expression)}]`
  }

  #call({ base, arguments: given }: Expression & { type: 'CallExpression' }): string {
    const args = this.#listOf(given, true)
    if (base.type !== 'MemberExpression' || base.indexer === '.') return `call(${this.#one(base)}, ${args})`
    return `callMethod(globals, ${this.#one(base.base)}, ${JSON.stringify(base.identifier.name)}, ${args})`
  }

  #listOf(expressions: readonly Expression[], isArguments = false): string {
    const last = expressions.at(-1)
    const isOnlyArgument = isArguments && expressions.length === 1
    if (last === undefined) return '[]'
    const first = expressions.slice(0, -1).map((expression) => this.#one(expression))
    const isMany = MANY.has(last.type) && !this.#isInParentheses(last, isOnlyArgument)
    if (isMany && first.length === 0) return this.#many(last)
    return `[${[...first, isMany ? `...${this.#many(last)}` : this.#one(last)].join(', ')}]`
  }

  /** The parser drops parentheses, which cut a call's values down to the first. */
  #isInParentheses(expression: Expression & { range?: readonly [number, number] }, isOnlyArgument: boolean): boolean {
    const before = this.#source.slice(0, expression.range?.[0]).trimEnd()
    return isOnlyArgument ? /\(\s*\($/.test(before) : before.endsWith('(')
  }

  #table({ fields }: Expression & { type: 'TableConstructorExpression' }): string {
    const values = fields.flatMap((field) => (field.type === 'TableValue' ? [field.value] : []))
    const pairs = fields.flatMap((field) => {
      if (field.type === 'TableKey') return [`[${this.#one(field.key)}, ${this.#one(field.value)}]`]
      return field.type === 'TableKeyString' ? [`[${JSON.stringify(field.key.name)}, ${this.#one(field.value)}]`] : []
    })
    return `tableOf(${this.#listOf(values)}, [${pairs.join(', ')}])`
  }

  #binary(operator: string, left: string, right: string): string {
    const emit = BINARY[operator]
    if (emit === undefined) throw new SyntaxError(`${operator} is not in Lua 5.1`)
    return emit(left, right)
  }

  #unary(operator: string, argument: string): string {
    const emit = UNARY[operator]
    if (emit === undefined) throw new SyntaxError(`${operator} is not in Lua 5.1`)
    return emit(argument)
  }

  #lookUp(name: string): string | undefined {
    return this.#scopes.findLast((scope) => scope.has(name))?.get(name)
  }
}
