// A stream or a WebSocket never completes its response: the operation says how to follow it instead.
const endlessOperations = () => ({
    statePlugins: {
        spec: {
            wrapSelectors: {
                allowTryItOutFor: (allow) => (state, path, method) =>
                    allow(state, path, method) && !state.getIn(["json", "paths", path, method, "x-endless"]),
            },
        },
    },
});

SwaggerUIBundle({
    // Relative to this script, so that it holds behind any prefix.
    url: new URL("../openapi.json", document.currentScript.src).href,
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    validatorUrl: null,
    plugins: [endlessOperations],
});
