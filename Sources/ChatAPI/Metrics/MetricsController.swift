import Hummingbird
import OpenMetrics

/// Shows the metrics of this server process.
struct MetricsController: Sendable {
    let registry: MetricRegistry

    @Sendable func show(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let format = ExpositionFormat(accept: request.headers[.accept])
        let text = await registry.text(in: format)
        return Response(
            status: .ok,
            headers: [.contentType: format.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: text))
        )
    }
}
