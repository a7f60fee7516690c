package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	swaggerFiles "github.com/swaggo/files"
	ginSwagger "github.com/swaggo/gin-swagger"

	"bulwark/docs"
)

// The words about the whole API, read by swag:
//
//	@title						bulwark
//	@version					1
//	@description				The combat-effectiveness index (战斗力指数) of grassroots branches: structure, evaluations, scores, rankings and why they are what they are.
//	@description				Scores are computed from approved evaluations under a versioned scheme; a published result never changes.
//	@basePath					/api/v1
//	@accept						json
//	@produce					json
//
//	@tag.name					access
//	@tag.description			Who the caller is, keys, and the audit trail
//	@tag.name					appeals
//	@tag.description			Objections of branches to their published results
//	@tag.name					entry
//	@tag.description			Periods, evaluation sheets and adjustments
//	@tag.name					exchange
//	@tag.description			What branches learn from each other: cases, ratings of what was useful, pioneer teams and their projects
//	@tag.name					improvement
//	@tag.description			What follows from a result: rules, targets, measures and their tasks
//	@tag.name					index
//	@tag.description			Scoring runs, rankings, scorecards and explanations
//	@tag.name					people
//	@tag.description			Persons, the roles they are appointed to, and what they are assigned to
//	@tag.name					scheme
//	@tag.description			Versioned indicator schemes
//	@tag.name					structure
//	@tag.description			Areas, towns and branches

// document is the same for everyone and as long as the program runs.
var document = Raw{
	ContentType:  "application/json",
	ETag:         digest([]byte(docs.OpenAPI)),
	CacheControl: "no-cache",
	Body:         []byte(docs.OpenAPI),
}

// openAPI answers the document of the API. The annotation brings the schema of
// failures into it; docs/generate adds them to every operation.
//
//	@Failure	default	{object}	Problem
//	@Router		/openapi.json [get]
func (s *Server) openAPI(context.Context, struct{}) (Raw, error) { return document, nil }

// uiFiles are the parts of the documentation pages that a browser asks for.
var uiFiles = []string{
	"/index.html", "/index.css", "/swagger-initializer.js", "/swagger-ui.css", "/swagger-ui-bundle.js",
	"/swagger-ui-standalone-preset.js", "/favicon-16x16.png", "/favicon-32x32.png",
}

// uiPolicy lets the documentation pages load from this service alone. The hash
// is that of the one style attribute in gin-swagger's page.
const uiPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-hashes' " + uiStyle +
	"; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const uiStyle = "'sha256-ezdv1bOGcoOD7FKudKN0Y2Mb763O6qVtM8LT2mtanIU='"

// swaggerUI serves the documentation pages at /swagger/; they work offline.
func swaggerUI() gin.HandlerFunc {
	ui := ginSwagger.CustomWrapHandler(&ginSwagger.Config{
		URL: "/openapi.json", Title: "bulwark", DocExpansion: "none", DeepLinking: true,
	}, swaggerFiles.NewHandler())
	return func(c *gin.Context) {
		file := c.Param("file")
		switch {
		case file == "/":
			c.Redirect(http.StatusPermanentRedirect, "/swagger/index.html")
		case !slices.Contains(uiFiles, file):
			writeProblem(c.Writer, c.Request, noRoute)
		default:
			c.Header("Content-Security-Policy", uiPolicy)
			c.Header("Cache-Control", "no-cache")
			c.Request.RequestURI = "/swagger" + file // gin-swagger reads it, and would take a file name from the query
			ui(c)
		}
	}
}
