// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Right is what a user may do with a resource of the core group.
type Right struct {
	Verbs     []string
	Resource  string
	Namespace string // empty: in all of them, or the resource has none
	Name      string // empty: with all objects
}

// Grant gives a user rights, each by a role and a binding of its own, and waits until the
// API server knows.
func (s *APIServer) Grant(ctx context.Context, user string, rights ...Right) error {
	client, err := kubernetes.NewForConfig(s.Config("admin"))
	if err != nil {
		return err
	}
	for i, right := range rights {
		if err := grant(ctx, client, rightName(user, i), user, right); err != nil {
			return err
		}
	}
	return waitForRights(ctx, client, user, rights, true)
}

// Revoke takes away what Grant gave, and waits until the API server knows.
func (s *APIServer) Revoke(ctx context.Context, user string, rights ...Right) error {
	client, err := kubernetes.NewForConfig(s.Config("admin"))
	if err != nil {
		return err
	}
	for i, right := range rights {
		name := rightName(user, i)
		if right.Namespace == "" {
			err = client.RbacV1().ClusterRoleBindings().Delete(ctx, name, metav1.DeleteOptions{})
		} else {
			err = client.RbacV1().RoleBindings(right.Namespace).Delete(ctx, name, metav1.DeleteOptions{})
		}
		if err != nil {
			return err
		}
	}
	return waitForRights(ctx, client, user, rights, false)
}

func rightName(user string, i int) string { return fmt.Sprintf("right-%d-of-%s", i, user) }

func grant(ctx context.Context, client kubernetes.Interface, name, user string, right Right) error {
	rule := rbacv1.PolicyRule{Verbs: right.Verbs, APIGroups: []string{""}, Resources: []string{right.Resource}}
	if right.Name != "" {
		rule.ResourceNames = []string{right.Name}
	}
	about, rules := metav1.ObjectMeta{Name: name}, []rbacv1.PolicyRule{rule}
	subjects := []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}}
	role := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	if right.Namespace == "" {
		_, err := client.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: about, Rules: rules}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		_, err = client.RbacV1().ClusterRoleBindings().Create(ctx,
			&rbacv1.ClusterRoleBinding{ObjectMeta: about, Subjects: subjects, RoleRef: role}, metav1.CreateOptions{})
		return err
	}
	_, err := client.RbacV1().Roles(right.Namespace).Create(ctx, &rbacv1.Role{ObjectMeta: about, Rules: rules}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	role.Kind = "Role"
	_, err = client.RbacV1().RoleBindings(right.Namespace).Create(ctx,
		&rbacv1.RoleBinding{ObjectMeta: about, Subjects: subjects, RoleRef: role}, metav1.CreateOptions{})
	return err
}

// The authorizer learns of a change by a watch of its own.
func waitForRights(ctx context.Context, client kubernetes.Interface, user string, rights []Right, want bool) error {
	for _, right := range rights {
		for _, verb := range right.Verbs {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: user,
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Verb: verb, Resource: right.Resource, Namespace: right.Namespace, Name: right.Name,
				},
			}}
			err := PollFor(10*time.Second, 10*time.Millisecond, func() error {
				answer, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
				if err == nil && answer.Status.Allowed != want {
					err = fmt.Errorf("user %q may %s %s: %v", user, verb, right.Resource, answer.Status.Allowed)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
