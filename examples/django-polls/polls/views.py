"""The pages of the polls."""

from django.db.models import F
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from polls.models import Choice, Question

HEADLINE = "Polls"


def index(request):
    """List the questions that are open, the newest first."""
    questions = Question.objects.filter(published_at__lte=timezone.now())
    return render(request, "polls/index.html", {
        "headline": HEADLINE, "questions": questions})


def open_question(number):
    """Find a question that visitors may see, or answer 404."""
    question = get_object_or_404(Question, pk=number)
    if not question.is_open():
        raise Http404("It is not open yet.")
    return question


def detail(request, number):
    """Show one question with its choices and their votes."""
    return render(request, "polls/detail.html", {
        "question": open_question(number)})


@require_POST
def vote(request, number):
    """Count a vote, and go back to the question."""
    question = open_question(number)
    choice = get_object_or_404(
        Choice, question=question, pk=request.POST.get("choice") or 0)
    Choice.objects.filter(pk=choice.pk).update(votes=F("votes") + 1)
    return redirect("polls:detail", number=question.pk)
