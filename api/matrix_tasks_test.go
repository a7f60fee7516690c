package api

import (
	"net/http"

	"bulwark/internal/policy"
)

// task sets one about the branch, for which the person answers.
func (w *world) task(branch, person string) {
	w.tasks[person] = last(w.as(policy.LeadingGroup).Post("/towns/demo/measures/1/tasks",
		taskOf(branch, person)).Want(http.StatusCreated))
}
