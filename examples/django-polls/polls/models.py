"""What is kept: questions, and the choices of each with their votes."""

from django.db import models
from django.utils import timezone


class Question(models.Model):
    """A question that visitors are asked."""

    text = models.CharField(max_length=200)
    published_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-published_at"]

    def __str__(self):
        return self.text

    def is_open(self):
        """Whether visitors may see it already."""
        return self.published_at <= timezone.now()

    def votes(self):
        """How many votes all its choices have."""
        return sum(choice.votes for choice in self.choices.all())


class Choice(models.Model):
    """One answer that a question offers."""

    question = models.ForeignKey(
        Question, on_delete=models.CASCADE, related_name="choices")
    text = models.CharField(max_length=200)
    votes = models.PositiveIntegerField(default=0)

    def __str__(self):
        return self.text
