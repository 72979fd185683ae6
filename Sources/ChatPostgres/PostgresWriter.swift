import Executors
import PostgresClient

/// A lane of writes: a connection of its own, and the thread on which both the lane's batches and the connection run.
struct PostgresWriter: Sendable {
    let executor: ThreadExecutor
    let pool: PostgresPool
}
