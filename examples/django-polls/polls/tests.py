from datetime import timedelta

from django.test import TestCase
from django.utils import timezone

from polls.models import Question


def ask(text, days=0):
    at = timezone.now() + timedelta(days=days)
    question = Question.objects.create(text=text, published_at=at)
    question.choices.create(text="Yes")
    question.choices.create(text="No")
    return question


class IndexTests(TestCase):
    def test_says_when_there_is_nothing(self):
        self.assertContains(self.client.get("/"), "No questions yet.")

    def test_lists_open_questions_only(self):
        ask("Tea?", days=-1)
        ask("Later?", days=1)
        page = self.client.get("/")
        self.assertContains(page, "Tea?")
        self.assertNotContains(page, "Later?")


class VoteTests(TestCase):
    def test_a_vote_is_counted(self):
        question = ask("Tea?")
        choice = question.choices.first()
        answer = self.client.post(
            f"/{question.pk}/vote/", {"choice": choice.pk})
        self.assertRedirects(answer, f"/{question.pk}/")
        self.assertContains(self.client.get(f"/{question.pk}/"), "1 votes")
        self.assertEqual(str(choice), "Yes")

    def test_nobody_votes_before_a_question_is_open(self):
        question = ask("Later?", days=1)
        self.assertEqual(
            self.client.post(f"/{question.pk}/vote/").status_code, 404)

    def test_a_vote_needs_a_choice_of_the_question(self):
        question = ask("Tea?")
        other = ask("Milk?").choices.first()
        answer = self.client.post(
            f"/{question.pk}/vote/", {"choice": other.pk})
        self.assertEqual(answer.status_code, 404)
        self.assertEqual(str(question), "Tea?")
