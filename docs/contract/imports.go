// Package contract holds the tools that judge docs/openapi.json as a contract: it
// generates clients from it and compiles them, and compares it with an older one.
// It is a module of its own, so that the service does not depend on them.
package contract

// What a generated client imports.
import (
	_ "github.com/getkin/kin-openapi/openapi3"
	_ "github.com/labstack/echo/v4"
	_ "github.com/oapi-codegen/runtime"
	_ "github.com/oapi-codegen/runtime/types"
)
