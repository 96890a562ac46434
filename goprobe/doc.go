// Package goprobe is what a service embeds so that hotgate can tell whether its process may be replaced in place.
package goprobe
