//go:build browser

package browser

import (
	"strconv"
	"strings"
	"testing"

	"bulwark/internal/policy"
)

// Sheets are decided on by keyboard alone, after a look at what would happen.
func TestReviewByKeyboard(t *testing.T) {
	s := serve(t)
	v := s.visit(t, 1280, 900, "zh")
	v.signIn(policy.LeadingGroup)
	v.open("/t/demo/review")
	before := eval[int](v, `document.querySelectorAll('.queue > li').length`)
	if before < 3 {
		t.Fatalf("%d sheets wait", before)
	}
	v.press("j")
	v.press("j")
	v.press("k")
	if at := eval[int](v, `[...document.querySelectorAll('.queue > li')].indexOf(document.activeElement.closest('li'))`); at != 0 {
		t.Fatalf("j, j and k lead to the sheet %d", at)
	}
	v.press("x")
	v.press("j")
	v.press("x")
	v.press("a")
	v.until(`document.getElementById('decide').open`)
	if words := v.text("#decide [data-list]"); !strings.Contains(words, "可以通过2份") {
		t.Errorf("the dry run says %q", words)
	}
	v.click("#decide [data-yes]")
	v.until(`document.querySelectorAll('.queue > li').length === ` + strconv.Itoa(before-2))
	v.settle()
	v.press("j")
	v.press("r")
	v.until(`document.getElementById('decide').open`)
	v.click("#decide [data-yes]")
	if words := v.text("#decide .fault"); !strings.Contains(words, "理由") {
		t.Errorf("without a reason: %q", words)
	}
	v.fill("#reason", "请补充佐证")
	v.click("#decide [data-yes]")
	v.until(`document.querySelectorAll('.queue > li').length === ` + strconv.Itoa(before-3))
	v.open("/t/demo/review?state=returned")
	if words := eval[string](v, `document.querySelector('.queue').textContent`); !strings.Contains(words, "请补充佐证") {
		t.Error("the reason is not shown beside the returned sheet")
	}
}

// The leadership reads and decides nothing.
func TestReviewIsReadOnlyForTheLeadership(t *testing.T) {
	s := serve(t)
	c := s.signedIn(t, policy.Leadership)
	status, body, _, _ := c.get("/t/demo/review")
	if status != 200 || strings.Contains(body, `aria-label="选择`) || !strings.Contains(body, `class="queue"`) {
		t.Errorf("%d, with boxes: %t", status, strings.Contains(body, `aria-label="选择`))
	}
}
