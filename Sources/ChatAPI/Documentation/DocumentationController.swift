import HTTPTypes
import Hummingbird
import NIOCore

/// The OpenAPI document and the pages that show it: Swagger UI at `/docs`, ReDoc at `/redoc`.
struct DocumentationController: Sendable {
    private let assets: DocumentationAssets
    private let swagger: DocumentationPage
    private let redoc: DocumentationPage
    private let document: ByteBuffer

    /// - Parameter assetsFolder: The folder that `Scripts/docs-assets` fills; it may be missing.
    init(document: OpenAPIDocument, assetsFolder: String) async {
        self.document = document.body
        assets = await DocumentationAssets(folder: assetsFolder)
        swagger = DocumentationPage(
            template: String(decoding: PackageResources.swagger_html, as: UTF8.self),
            needed: [.swaggerBundle, .swaggerStyle],
            from: assets
        )
        redoc = DocumentationPage(
            template: String(decoding: PackageResources.redoc_html, as: UTF8.self),
            needed: [.redoc],
            from: assets,
            extraPolicy: "; worker-src blob:"
        )
    }

    /// Redirects the root to the documentation, with a relative reference that works under any prefix.
    @Sendable func redirect(_ request: Request, context: ChatRequestContext) async throws -> Response {
        Response(status: .temporaryRedirect, headers: [.location: "docs"])
    }

    @Sendable func showDocument(_ request: Request, context: ChatRequestContext) async throws -> Response {
        respond(with: document, type: "application/json")
    }

    @Sendable func showSwagger(_ request: Request, context: ChatRequestContext) async throws -> Response {
        respond(with: swagger, to: request)
    }

    @Sendable func showSwaggerInitializer(_ request: Request, context: ChatRequestContext) async throws -> Response {
        respond(with: Self.swaggerInitializer, type: "text/javascript; charset=utf-8")
    }

    @Sendable func showRedoc(_ request: Request, context: ChatRequestContext) async throws -> Response {
        respond(with: redoc, to: request)
    }

    @Sendable func showAsset(_ request: Request, context: ChatRequestContext) async throws -> Response {
        let name = context.parameters.get("file")
        guard let asset = DocumentationAsset.all.first(where: { $0.name == name }),
            let content = await assets.content(of: asset)
        else { throw APIError.routeNotFound }
        // The content changes only with a new version of the server, so a day is short enough.
        return respond(with: content, type: asset.mediaType, cacheControl: "public, max-age=86400")
    }

    private static let swaggerInitializer = ByteBuffer(bytes: PackageResources.swagger_initializer_js)

    private func respond(with page: DocumentationPage, to request: Request) -> Response {
        // References are relative, so they work under any prefix.
        let root = request.uri.path.hasSuffix("/") ? "../" : ""
        var response = respond(with: ByteBuffer(string: page.html(root: root)), type: "text/html; charset=utf-8")
        response.headers[.contentSecurityPolicy] = page.contentSecurityPolicy
        return response
    }

    private func respond(with content: ByteBuffer, type: String, cacheControl: String = "no-cache") -> Response {
        Response(
            status: .ok,
            headers: [.contentType: type, .cacheControl: cacheControl],
            body: ResponseBody(byteBuffer: content)
        )
    }
}
