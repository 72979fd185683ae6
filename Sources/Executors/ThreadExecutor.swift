import Glibc

/// An executor for actors and tasks with its own thread, on which calls may block.
///
/// If a task prefers this executor, it enters actors that use the same executor without switching threads.
///
/// On Linux, `DispatchSerialQueue` is not an executor, and blocking a thread of Swift's or Dispatch's pool would starve
/// other work. After the executor is released, the thread runs the jobs already queued and then ends.
package final class ThreadExecutor: SerialExecutor, TaskExecutor {
    private let jobs = JobQueue()

    /// Starts the thread.
    package init() {
        let context = Unmanaged.passRetained(jobs)
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, runJobs, context.toOpaque())
        precondition(status == 0, "no thread can be started: \(status)")
        pthread_detach(thread)
    }

    deinit {
        jobs.close()
    }

    /// Queues a job; jobs run in the order in which they were queued.
    package func enqueue(_ job: consuming ExecutorJob) {
        jobs.append(UnownedJob(job), for: self)
    }
}

private func runJobs(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<JobQueue>.fromOpaque(context).takeRetainedValue().runUntilClosed()
    return nil
}

/// The jobs waiting for the thread.
///
/// `@unchecked Sendable`: every access to the variables is between `pthread_mutex_lock` and `pthread_mutex_unlock`.
private final class JobQueue: @unchecked Sendable {
    private typealias Entry = (job: UnownedJob, actors: UnownedSerialExecutor, tasks: UnownedTaskExecutor)

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var entries: [Entry] = []
    private var isClosed = false

    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    func append(_ job: UnownedJob, for executor: ThreadExecutor) {
        pthread_mutex_lock(mutex)
        entries.append((job, executor.asUnownedSerialExecutor(), executor.asUnownedTaskExecutor()))
        pthread_cond_signal(changed)
        pthread_mutex_unlock(mutex)
    }

    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        pthread_cond_signal(changed)
        pthread_mutex_unlock(mutex)
    }

    func runUntilClosed() {
        while let batch = next() {
            for entry in batch {
                entry.job.runSynchronously(isolatedTo: entry.actors, taskExecutor: entry.tasks)
            }
        }
    }

    /// Waits for jobs and takes all of them; nil once the queue is closed and empty.
    private func next() -> [Entry]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while entries.isEmpty {
            if isClosed { return nil }
            pthread_cond_wait(changed, mutex)
        }
        var batch: [Entry] = []
        swap(&batch, &entries)
        return batch
    }
}
