package import Hummingbird

/// What travels with a request through middleware and handlers.
package struct ChatRequestContext: RequestContext {
    package var coreContext: CoreRequestContextStorage

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
    }
}
