import Executors
import PostgresClient

/// A shard of writes: a connection of its own, and the thread on which both its batches and the connection run.
struct PostgresWriter: Sendable {
    let executor: ThreadExecutor
    let pool: PostgresPool
}
