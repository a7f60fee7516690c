package rest

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	swaggerFiles "github.com/swaggo/files"
	ginSwagger "github.com/swaggo/gin-swagger"
)

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

// Swagger adds documentation pages of the OpenAPI document at /swagger/; they work
// offline.
func (r Router) Swagger(document, title string) {
	ui := ginSwagger.CustomWrapHandler(&ginSwagger.Config{
		URL: document, Title: title, DocExpansion: "none", DeepLinking: true,
	}, swaggerFiles.NewHandler())
	r.to.GET("/swagger/*file", func(c *gin.Context) {
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
	})
}
