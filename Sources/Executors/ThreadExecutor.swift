import Glibc

/// An executor of actors and of tasks with a thread of its own, on which calls may block.
///
/// A task that prefers it enters an actor that runs on it without leaving the thread.
///
/// `DispatchSerialQueue` is not an executor on Linux, and a blocked worker of Swift's pool or of Dispatch's would be
/// missed elsewhere. The thread ends, after what is queued, once the executor is released.
package final class ThreadExecutor: SerialExecutor, TaskExecutor {
    private let jobs = JobQueue()

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

    package func enqueue(_ job: consuming ExecutorJob) {
        jobs.append(UnownedJob(job), for: self)
    }
}

private func runJobs(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    Unmanaged<JobQueue>.fromOpaque(context).takeRetainedValue().runUntilClosed()
    return nil
}

/// Jobs on their way to the thread.
///
/// `@unchecked Sendable`: every access to the variables is between `pthread_mutex_lock` and `_unlock`.
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

    /// All that is queued, taken at once; nil when the queue is closed and empty.
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
