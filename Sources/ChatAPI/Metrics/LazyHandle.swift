import Synchronization

/// A handle that is created when it is first needed, so that a series appears once it has a value.
final class LazyHandle<Handle: AnyObject & Sendable>: Sendable {
    private let reference = AtomicLazyReference<Handle>()

    /// - Parameter create: May run more than once, if several threads need the handle first.
    func handle(_ create: () -> Handle) -> Handle {
        reference.load() ?? reference.storeIfNil(create())
    }
}
