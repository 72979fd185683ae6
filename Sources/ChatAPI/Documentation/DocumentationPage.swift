/// A page that shows the OpenAPI document, with its assets from this server or from the CDN.
struct DocumentationPage: Sendable {
    /// HTML with `{{root}}` before each reference to the service.
    private let template: String
    /// Allows the page to load and run its assets, and nothing inline.
    let contentSecurityPolicy: String

    /// - Parameters:
    ///   - template: HTML with `{{notice}}` and, for each of `needed`, `{{name}}` where the element's attributes go.
    ///   - extraPolicy: Directives that only this page needs.
    init(
        template: String,
        needed: [DocumentationAsset],
        from assets: DocumentationAssets,
        extraPolicy: String = ""
    ) {
        let isComplete = needed.allSatisfy(assets.has)
        var html = template.replacing("{{notice}}", with: isComplete ? "" : Self.notice)
        for asset in needed {
            html.replace("{{\(asset.name)}}", with: asset.attributes(isLocal: isComplete))
        }
        self.template = html
        let cdn = isComplete ? "" : " https://cdn.jsdelivr.net"
        contentSecurityPolicy = """
            default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src 'self'; \
            img-src 'self' data:\(isComplete ? "" : " https://cdn.redoc.ly"); script-src 'self'\(cdn); \
            style-src 'self' 'unsafe-inline'\(cdn)\(extraPolicy)
            """
    }

    /// - Parameter root: The relative reference from the page to the root of the service.
    func html(root: String) -> String {
        template.replacing("{{root}}", with: root)
    }

    private static let notice = """
        <p role="alert">The files of this page are missing on the server and come from cdn.jsdelivr.net instead. \
        Run <code>Scripts/docs-assets</code> and restart to serve them from here.</p>
        """
}

extension DocumentationAsset {
    /// The attributes of the `script` or `link` element that loads the asset.
    fileprivate func attributes(isLocal: Bool) -> String {
        let attribute = mediaType.hasPrefix("text/css") ? "href" : "src"
        guard !isLocal, let cdn else { return "\(attribute)=\"{{root}}docs/assets/\(name)\"" }
        return "\(attribute)=\"\(cdn.url)\" integrity=\"\(cdn.integrity)\" crossorigin=\"anonymous\""
    }
}
