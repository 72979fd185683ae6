package import ChatDomain
import CoreMetrics
package import OpenMetrics

extension MetricRegistry {
    /// Returns an observer that records batches of writes; give it to the store.
    package func writeObserver() -> BatchObserver {
        let (sizes, durations) = (histogram(.batchSizes), timer(.transactionDurations))
        let failures = counter(.failedBatches)
        return { report in
            sizes.record(report.requests)
            durations.recordNanoseconds(Int64(report.duration / .nanoseconds(1)))
            if report.isFailed {
                failures.increment()
            }
        }
    }
}
